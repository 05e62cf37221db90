"""A reader of a job that attaches and is cut off by plan, and keeps what it got."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from llamaq import AsyncJobQueue, JobQueue
from tests.service import Service, fresh_name

Moment = Literal["before", "during", "after"]
Cut = tuple[int, Literal["leave", "kill"]]
Transcript = list[tuple[str, str]]


@dataclass(frozen=True)
class Plan:
    """What one reader does.

    Attributes:
        attaches: before the job runs, while it is held in the middle, or after it ended.
        cuts: after how many events it is cut off, again and again: it leaves, or its connections are killed.
        asynchronous: whether it reads with the async client.
    """

    attaches: Moment
    cuts: Sequence[Cut] = ()
    asynchronous: bool = False


class Reading:
    """One reader, with connections of its own that can be killed by their name."""

    def __init__(self, service: Service, job_id: str, plan: Plan) -> None:
        self._service = service
        self._job_id = job_id
        self._plan = plan
        self._name = fresh_name()
        self._url = f"{service.url}?client_name={self._name}"

    def run(self) -> Transcript:
        """Read to the end."""
        return asyncio.run(self._read_async()) if self._plan.asynchronous else self._read()

    def _read(self) -> Transcript:
        got: Transcript = []
        cuts = list(self._plan.cuts)
        with JobQueue(self._url, prefix=self._service.prefix) as queue:
            while not ended(got):
                stream: Any = queue.job(self._job_id).events(after=got[-1][0] if got else None, fresh=False)
                patience, how = cuts.pop(0) if cuts else (0, "leave")
                for event in stream:
                    got.append((event.cursor, event.payload))
                    patience -= 1
                    if patience == 0 and how == "kill":
                        self._kill()
                    elif patience == 0:
                        stream.close()
                        break
        return got

    async def _read_async(self) -> Transcript:
        got: Transcript = []
        cuts = list(self._plan.cuts)
        async with AsyncJobQueue(self._url, prefix=self._service.prefix) as queue:
            while not ended(got):
                stream: Any = queue.job(self._job_id).events(after=got[-1][0] if got else None, fresh=False)
                patience, how = cuts.pop(0) if cuts else (0, "leave")
                async for event in stream:
                    got.append((event.cursor, event.payload))
                    patience -= 1
                    if patience == 0 and how == "kill":
                        self._kill()
                    elif patience == 0:
                        await stream.aclose()
                        break
        return got

    def _kill(self) -> None:
        for client in self._service.redis.client_list():
            if client["name"] == self._name:
                self._service.redis.client_kill_filter(_id=client["id"])


def ended(got: Transcript) -> bool:
    """Whether the last event is the terminal one."""
    return bool(got) and '"type":"completed"' in got[-1][1]


class Readers:
    """Readers of one job, each in a thread of its own."""

    def __init__(self, service: Service, job_id: str, plans: Sequence[Plan], threads: ThreadPoolExecutor) -> None:
        self._service = service
        self._job_id = job_id
        self._plans = plans
        self._threads = threads
        self._futures: list[Future[Transcript]] = []

    def attach(self, when: Moment) -> None:
        """Start those whose moment it is."""
        due = [Reading(self._service, self._job_id, plan) for plan in self._plans if plan.attaches == when]
        self._futures += [self._threads.submit(reading.run) for reading in due]

    def transcripts(self) -> list[Transcript]:
        """What each got, once all are through."""
        return [future.result(60) for future in self._futures]

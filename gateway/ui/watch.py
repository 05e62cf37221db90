"""Looks at the queue once a second while a page is open: one look for all pages of the process together."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from llamaq import AsyncJobQueue, JobStatus
from llamaq.vocabulary.errors import BrokerUnavailable, JobNotFound
from llamaq.vocabulary.models import HostStatus, WorkerStatus
from llamaq.vocabulary.status import QueueStatus

LOG = logging.getLogger(__name__)
EVERY_SECONDS = 1.0
REST = 9
"""Times of a look that pass before the next one, so that a large fleet leaves the process to its streams."""
SHOWN_HOSTS = 100


@dataclass(frozen=True, slots=True)
class Look:
    """The queue at one moment.

    Attributes:
        hosts: of the fleet.
        workers: of the fleet.
        queues: what waits, by model and lane.
        tenants: for each tenant the jobs that wait.
        running: the jobs that hold a slot.
        jobs: those whose pages are open; None for one that is not kept.
        away: why Redis could not be asked; the other fields are of the look before.
        memo: what was rendered of it, by the name of the view.
    """

    hosts: Sequence[HostStatus] = ()
    workers: Sequence[WorkerStatus] = ()
    queues: Sequence[QueueStatus] = ()
    tenants: Mapping[str, int] = field(default_factory=dict)
    running: Sequence[JobStatus] = ()
    jobs: Mapping[str, JobStatus | None] = field(default_factory=dict)
    away: str = ""
    memo: dict[str, str] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """The number of jobs that wait."""
        return sum(one.waiting for one in self.queues)

    @property
    def slots_used(self) -> int:
        """The number of slots that jobs hold, over all hosts."""
        return sum(host.slots_used for host in self.hosts)

    @property
    def slots(self) -> int:
        """All slots: of each host those of as many models as it runs at a time."""
        return sum(host.slots * host.max_models for host in self.hosts)

    def find_hosts(self, part: str) -> list[tuple[HostStatus, list[WorkerStatus]]]:
        """Find hosts by a part of their name, with their workers; first those paused, failing or without a worker."""
        workers: dict[str, list[WorkerStatus]] = {}
        for worker in self.workers:
            workers.setdefault(worker.host, []).append(worker)
        found = [(host, workers.get(host.host, [])) for host in self.hosts if part in host.host]
        healthy = ("running", "closed", True)
        return sorted(found, key=lambda one: (one[0].state, one[0].circuit, bool(one[1])) == healthy)

    @property
    def shares(self) -> list[tuple[str, int, int]]:
        """By tenant the jobs that wait and those that run, the largest first."""
        runs = Counter(job.tenant or "" for job in self.running)
        rows = [(name, self.tenants.get(name, 0), runs[name]) for name in {*self.tenants, *runs}]
        return sorted((row for row in rows if row[1] or row[2]), key=lambda row: (-row[1] - row[2], row[0]))


async def read_look(queue: AsyncJobQueue, jobs: Sequence[str] = ()) -> Look:
    """Read the queue once.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    hosts, workers, queues, tenants, running = await asyncio.gather(
        queue.hosts(), queue.workers(), queue.waiting(), queue.waiting_by_tenant(), queue.running()
    )
    found = dict(zip(jobs, await asyncio.gather(*(_read_status(queue, job_id) for job_id in jobs)), strict=True))
    return Look(hosts, workers, queues, tenants, running, found)


async def _read_status(queue: AsyncJobQueue, job_id: str) -> JobStatus | None:
    try:
        return await queue.job(job_id).status()
    except JobNotFound:
        return None


class Watch:
    """The looks of a process, for the streams of its pages."""

    def __init__(self, queue: AsyncJobQueue) -> None:
        """Nothing is looked at before the first reader."""
        self._queue = queue
        self._readers = 0
        self._jobs: Counter[str] = Counter()
        self._last = Look()
        self._next: asyncio.Future[Look] | None = None
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def add_reader(self, job_id: str = "") -> Iterator[None]:
        """While the block runs the queue is looked at, and the job too."""
        self._readers += 1
        self._jobs[job_id] += 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            yield
        finally:
            self._readers -= 1
            self._jobs[job_id] -= 1
            if self._readers == 0 and self._task is not None:
                self._task.cancel()
                self._task = None

    async def looks(self) -> AsyncIterator[Look]:
        """The looks from now on. Within `reading`."""
        while True:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            yield await asyncio.shield(self._next)

    async def aclose(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            jobs = [job_id for job_id, readers in self._jobs.items() if job_id and readers > 0]
            began_at = loop.time()
            try:
                self._last = await read_look(self._queue, jobs)
            except Exception as error:  # noqa: BLE001 - the border of a look: the next one may succeed
                if not isinstance(error, BrokerUnavailable):
                    LOG.error("a look at the queue failed: %s", type(error).__name__)  # noqa: TRY400 - no content
                last = self._last
                self._last = Look(
                    last.hosts, last.workers, last.queues, last.tenants, last.running, last.jobs, str(error)
                )
            took = loop.time() - began_at
            waiting, self._next = self._next, None
            if waiting is not None and not waiting.done():
                waiting.set_result(self._last)
            await asyncio.sleep(max(EVERY_SECONDS, REST * took))

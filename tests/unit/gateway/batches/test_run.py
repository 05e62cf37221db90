"""How one batch is run by the process that holds it, with its store and its queue made here."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

import pytest

from gateway.access.caller import Caller
from gateway.batches import run as running
from gateway.batches.batch import Batch, encode_caller
from gateway.batches.file import File
from gateway.batches.run import Lost, Run
from gateway.batches.store import BatchStore
from llamaq import AsyncJobQueue
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments
from llamaq.store.batches.batch_scripts import BatchHold, BatchLine, BatchSet
from llamaq.store.keys import Keys
from llamaq.vocabulary.errors import BrokerUnavailable, InvalidRequest, JobCancelled, LlamaqError, QueueFull
from tests.unit.gateway.openai.results import chat_result

CHAT = "/v1/chat/completions"
NOW = 1_000


class Jobs:
    """A queue, and its jobs.

    Attributes:
        submitted: ids, in their order.
        cancelled: ids, in their order.
        most: jobs at a time.
    """

    def __init__(self, refusals: Iterable[LlamaqError] = ()) -> None:
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.most = 0
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.refusals = list(refusals)
        self._running = 0

    async def submit(self, job: dict[str, Any], *, job_id: str) -> None:
        assert job["priority"] == "batch"
        self.asked.set()
        await self.open.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        self.submitted.append(job_id)
        self._running += 1
        self.most = max(self.most, self._running)

    def job(self, job_id: str) -> "Job":
        return Job(self, job_id)

    async def ended(self, job_id: str) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        self._running -= 1
        if job_id in self.cancelled:
            raise JobCancelled(job_id, "as the test wants")


class Job:
    """One of the jobs."""

    def __init__(self, jobs: Jobs, job_id: str) -> None:
        self.id = job_id
        self._jobs = jobs

    async def result(self) -> Any:
        await self._jobs.ended(self.id)
        return chat_result("answer")

    async def cancel(self, reason: str) -> bool:
        self._jobs.cancelled.append(self.id)
        return True


class Store:
    """What is kept of the batch.

    Attributes:
        written: the outcomes: number, file and text of each.
        statuses: those that the batch has got.
        known: lines that have their outcome already.
        full: files that take no more.
        there: ids of jobs that the queue has.
        holds: what the renewals of the lease answer, one after another; the last stays.
        answers: whether they answer.
        lost: outcomes that a crash of Redis has lost.
        reads: the status that is read.
    """

    keys = Keys("p")
    ttl = 60
    most_bytes = 1000

    def __init__(self, number: int) -> None:
        self.written: list[tuple[int, str, dict[str, Any]]] = []
        self.statuses: list[str] = []
        self.known: set[int] = set()
        self.full: set[str] = set()
        self.there: set[str] = set()
        self.holds = [["OK", "status", "in_progress", "now", str(NOW)]]
        self.answers = asyncio.Event()
        self.answers.set()
        self.lost, self.reads = 0, "finalizing"
        self._number = number

    async def run(self, arguments: Arguments) -> Answer:
        match arguments:
            case BatchHold():
                await self.answers.wait()
                return Answer(self.holds.pop(0) if len(self.holds) > 1 else self.holds[0])
            case BatchLine(number=number, file=file, text=text):
                if file in self.full:
                    return Answer(["FULL"])
                self.written.append((number, file, json.loads(text)))
            case BatchSet(status=status):
                self.statuses.append(status)
        return Answer(["OK"])

    async def ask(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        return [int(any(one in command[1] for one in self.there)) for command in commands]

    async def load_file(self, caller: Caller, file_id: str) -> File:
        return File(file_id, caller.tenant, "in.jsonl", "batch", 1, 0, NOW, NOW)

    async def read_pieces(self, file_id: str, last: int) -> AsyncIterator[str]:
        for number in range(1, self._number + 1):
            messages = [{"role": "user", "content": "hi"}]
            given = {"custom_id": str(number), "url": CHAT, "body": {"model": "m", "messages": messages}}
            yield json.dumps(given) + "\n"

    async def find_known_lines(self, batch: Batch, numbers: Iterable[int]) -> set[int]:
        return self.known & set(numbers)

    async def find_batch(self, batch_id: str) -> Batch:
        kept = len({number for number, _, _ in self.written[self.lost :]} | self.known)
        return batch(self.reads, total=str(self._number), completed=str(kept))


def batch(status: str, **more: str) -> Batch:
    record = {"tenant": "t", "status": status, "input": "file-1", "endpoint": CHAT, "expires_at": str(NOW + 100)}
    figures = {"output_bytes": "0", "errors_bytes": "0", "caller": encode_caller(Caller("k", "t"))}
    return Batch("b", record | figures | {"total": "0", "completed": "0", "failed": "0"} | more)


async def run(store: Store, jobs: Jobs, status: str = "in_progress", slots: int = 64) -> None:
    """Run the batch to its end."""
    queue, kept = cast("AsyncJobQueue", jobs), cast("BatchStore", store)
    await asyncio.wait_for(Run(batch(status), "o", queue, kept, asyncio.Semaphore(slots)).run_to_end(), 60)


def test_each_line_becomes_a_job_and_an_outcome() -> None:
    """By a name of its own."""

    async def case() -> None:
        store, jobs = Store(3), Jobs()
        await run(store, jobs)
        assert sorted(jobs.submitted) == ["b-1", "b-2", "b-3"]
        assert sorted((number, file) for number, file, _ in store.written) == [(n, "output") for n in (1, 2, 3)]
        assert store.statuses == ["finalizing", "completed"]

    asyncio.run(case())


def test_a_line_that_has_its_outcome_is_not_run_again() -> None:
    """Its job may be deleted meanwhile."""

    async def case() -> None:
        store, jobs = Store(3), Jobs()
        store.known = {1, 3}
        await run(store, jobs)
        assert jobs.submitted == ["b-2"]

    asyncio.run(case())


def test_so_many_lines_are_in_the_queue_at_a_time() -> None:
    """And no more, over all batches of the process."""

    async def case() -> None:
        jobs, slots = Jobs(), asyncio.Semaphore(2)
        queue = cast("AsyncJobQueue", jobs)
        runs = [Run(batch("in_progress"), "o", queue, cast("BatchStore", Store(4)), slots) for _ in range(2)]
        await asyncio.gather(*(one.run_to_end() for one in runs))
        assert (jobs.most, len(jobs.submitted)) == (2, 8)
        assert not slots.locked()

    asyncio.run(case())


@pytest.mark.parametrize("refusal", [QueueFull("full", 0.001), BrokerUnavailable("away")])
def test_a_line_waits_while_the_queue_is_full_or_away(monkeypatch: pytest.MonkeyPatch, refusal: LlamaqError) -> None:
    """It is submitted again; another refusal is its outcome."""
    monkeypatch.setattr(running, "LEAST_PAUSE", 0.001)
    monkeypatch.setattr(running, "MOST_PAUSE", 0.001)

    async def case() -> None:
        store, jobs = Store(1), Jobs([refusal, refusal])
        await run(store, jobs)
        assert jobs.submitted == ["b-1"]
        assert [file for _, file, _ in store.written] == ["output"]
        store, jobs = Store(1), Jobs([InvalidRequest.of("prompt", "is wrong")])
        await run(store, jobs)
        assert jobs.submitted == []
        ((_, file, text),) = store.written
        assert (file, text["response"]["status_code"]) == ("errors", 400)

    asyncio.run(case())


def test_a_result_that_does_not_fit_is_an_error_of_its_line() -> None:
    """Where the output file is full, the error file says so."""

    async def case() -> None:
        store, jobs = Store(1), Jobs()
        store.full = {"output"}
        await run(store, jobs)
        ((number, file, text),) = store.written
        assert (number, file, text["error"]["code"], text["response"]) == (1, "errors", "output_file_full", None)

    asyncio.run(case())


def test_a_process_that_has_lost_the_batch_stops() -> None:
    """Another one has it: nothing more is written here."""

    async def case() -> None:
        store, jobs = Store(2), Jobs()
        store.holds = [["LOST"]]
        jobs.open.clear()
        with pytest.raises(ExceptionGroup) as lost:
            await run(store, jobs)
        assert lost.group_contains(Lost)
        assert (store.written, store.statuses) == ([], [])

    asyncio.run(case())


def test_a_batch_that_was_being_cancelled_is_not_begun_again() -> None:
    """A process that takes it up ends the jobs that there are, and no line has an outcome."""

    async def case() -> None:
        store, jobs = Store(3), Jobs()
        store.there = {"b-2"}
        store.answers.clear()  # its status is known before the lease is renewed
        await run(store, jobs, "cancelling")
        assert (jobs.submitted, jobs.cancelled, store.written) == ([], ["b-2"], [])
        assert store.statuses == ["finalizing", "cancelled"]

    asyncio.run(case())


def test_a_job_that_is_submitted_during_the_cancel_is_cancelled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: what the renewals of the lease say afterwards is not needed for it."""
    monkeypatch.setattr(running, "RENEW_SECONDS", 0)

    async def case() -> None:
        store, jobs = Store(1), Jobs()
        jobs.open.clear()
        task = asyncio.create_task(run(store, jobs))
        await jobs.asked.wait()
        store.holds = [["OK", "status", status, "now", str(NOW)] for status in ("cancelling", "in_progress")]
        for _ in range(20):  # the cancel is seen while the submit goes on
            await asyncio.sleep(0)
        jobs.open.set()
        await task
        assert (jobs.submitted, jobs.cancelled, store.written) == (["b-1"], ["b-1"], [])
        assert store.statuses == ["finalizing", "cancelled"]

    asyncio.run(case())

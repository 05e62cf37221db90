"""Which batches a process takes up."""

import asyncio
import gc
from typing import cast

import pytest

from gateway.batches import runner as running
from gateway.batches.batch import Batch
from gateway.batches.store import BatchStore
from llamaq import AsyncJobQueue
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments
from llamaq.store.batches.batch_scripts import BatchHold, BatchTake
from llamaq.vocabulary.errors import BrokerUnavailable


class Store:
    """So many batches that nobody holds, none of which comes to its end.

    Attributes:
        taken: the numbers of those that were taken.
        given_back: how many were given back.
        away: whether Redis is away.
    """

    def __init__(self, number: int) -> None:
        self.taken = 0
        self.given_back = 0
        self.away = False
        self._number = number

    async def run(self, arguments: Arguments) -> Answer:
        if self.away:
            raise BrokerUnavailable("away")
        match arguments:
            case BatchTake():
                if self.taken == self._number:
                    return Answer(["NONE"])
                self.taken += 1
                return Answer(["OK", "id", f"batch_{self.taken}"])
            case BatchHold(lease_seconds=0):
                self.given_back += 1
        return Answer(["OK", "status", "in_progress", "now", "1"])

    async def find_batch(self, batch_id: str) -> Batch:
        record = {"status": "in_progress", "caller": '{"name": "k", "tenant": "t", "models": []}', "expires_at": "9"}
        return Batch(batch_id, {**record, "input": "file-1"})

    async def load_file(self, *_: object) -> None:
        await asyncio.Event().wait()


async def _steps(number: int = 200) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def _runner(store: Store) -> running.Runner:
    return running.Runner(cast("AsyncJobQueue", None), cast("BatchStore", store), 64)


def test_a_process_holds_a_bounded_number_and_gives_them_back() -> None:
    """The others are left to other processes; at the end of this one its batches need not wait for their leases."""

    async def case() -> None:
        faults: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        store = Store(running.MOST_BATCHES + 3)
        task = asyncio.create_task(_runner(store).run())
        await _steps()
        assert store.taken == running.MOST_BATCHES
        task.cancel()
        await asyncio.wait((task,))
        assert store.given_back == running.MOST_BATCHES
        gc.collect()
        assert faults == []  # what asyncio would log

    asyncio.run(asyncio.wait_for(case(), 60))


def test_it_looks_at_once_when_it_is_woken() -> None:
    """Else once a second; the failure of a look ends nothing."""

    async def case() -> None:
        store = Store(1)
        store.away = True
        runner = _runner(store)
        task = asyncio.create_task(runner.run())
        await _steps()
        store.away = False
        runner.wake()
        await _steps()
        assert store.taken == 1
        task.cancel()
        await asyncio.wait((task,))

    asyncio.run(asyncio.wait_for(case(), 60))


def test_an_outage_is_logged_once_at_its_start(caplog: pytest.LogCaptureFixture) -> None:
    """A look each second must not fill the log while Redis is away; the next outage is logged again."""

    async def case() -> None:
        store = Store(0)
        runner = _runner(store)
        task = asyncio.create_task(runner.run())
        for away in (True, True, True, False, True, True):
            store.away = away
            runner.wake()
            await _steps()
        task.cancel()
        await asyncio.wait((task,))

    asyncio.run(asyncio.wait_for(case(), 60))
    assert [record.getMessage() for record in caplog.records] == ["batches cannot be taken up: away"] * 2

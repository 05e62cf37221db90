"""A crash of Redis loses lines of a batch that it has confirmed."""

import asyncio

import pytest

from gateway.batches.run import Lost
from tests.unit.gateway.batches.test_run import Jobs, Store, run


@pytest.mark.parametrize(("lost", "status"), [(1, "in_progress"), (0, "validating")])
def test_a_batch_of_which_redis_has_lost_a_part_does_not_end(lost: int, status: str) -> None:
    """The lines that were confirmed and lost are asked again, by the process that takes it next."""

    async def case() -> None:
        store, jobs = Store(2), Jobs()
        store.lost, store.reads = lost, status
        with pytest.raises(ExceptionGroup) as raised:
            await run(store, jobs)
        assert raised.group_contains(Lost)
        assert store.statuses == []

    asyncio.run(case())


def test_lines_for_which_neither_file_has_room_end_the_batch() -> None:
    """Asked again, they would find no more room."""

    async def case() -> None:
        store, jobs = Store(2), Jobs()
        store.full = {"output", "errors"}
        await run(store, jobs)
        assert (store.written, store.statuses) == ([], ["finalizing", "completed"])

    asyncio.run(case())

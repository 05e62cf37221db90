"""Many, a few at a time, for asyncio: what was started is known, also where the source of the rest raises."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from llamaq.client.aio import batch
from llamaq.client.batches import Item, Window


class Endless:
    """A producer whose jobs never get in."""

    async def submit(self, _: Any) -> Any:
        await asyncio.Event().wait()


def _broken() -> Iterator[Item]:
    yield Item("1", {})
    yield Item("2", {})
    raise LookupError("the source is broken")


async def _left() -> list[asyncio.Task[Any]]:
    with pytest.raises(LookupError):
        async for _ in batch.run(Endless(), Window(_broken(), 4, ordered=False)):  # type: ignore[arg-type]  # a double
            pass
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def test_no_task_outlives_a_source_that_raises() -> None:
    """Those that were started before it are ended, and submit nothing behind the caller's back."""
    assert asyncio.run(_left()) == []

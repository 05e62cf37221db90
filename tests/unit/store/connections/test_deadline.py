"""Limits for asyncio."""

import asyncio
import math

import pytest
import redis

from llamaq.store.connections.deadline import seconds_left, time_limit_async

LONG, SHORT = 60.0, 0.05


async def _held_up(*limits: float) -> None:
    if limits:
        async with time_limit_async(limits[0]):
            await _held_up(*limits[1:])
    else:
        await asyncio.Event().wait()


@pytest.mark.parametrize("limits", [(SHORT,), (SHORT, LONG), (LONG, SHORT), (SHORT, LONG, LONG)])
def test_the_limit_that_ends_first_is_raised(limits: tuple[float, ...]) -> None:
    """Wherever it is set."""
    with pytest.raises(redis.TimeoutError, match=rf"within {SHORT} s"):
        asyncio.run(_held_up(*limits))


def test_a_limit_holds_in_its_block_alone() -> None:
    """What the same task asks of Redis afterwards has its own time."""

    async def within() -> None:
        async with time_limit_async(LONG):
            assert seconds_left() <= LONG
            async with time_limit_async(SHORT):
                assert seconds_left() <= SHORT
            assert seconds_left() > SHORT
        assert seconds_left() == math.inf

    asyncio.run(within())


def test_a_limit_behind_the_one_around_it_has_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one ends the block."""

    async def within() -> None:
        async with time_limit_async(LONG):
            monkeypatch.setattr(asyncio, "timeout", None)
            async with time_limit_async(LONG + 1):
                pass

    asyncio.run(within())


@pytest.mark.parametrize("limits", [(LONG,), (LONG, LONG + 1)])
def test_another_timeout_in_the_block_is_one_of_redis(limits: tuple[float, ...]) -> None:
    """As that of a socket: a call is tried again after it."""

    async def failing(*limits: float) -> None:
        if not limits:
            raise TimeoutError
        async with time_limit_async(limits[0]):
            await failing(*limits[1:])

    with pytest.raises(redis.TimeoutError):
        asyncio.run(failing(*limits))


def test_a_cancel_in_the_block_stays_one() -> None:
    """It is not taken for the end of the time."""

    async def cancelled() -> None:
        task = asyncio.create_task(_held_up(LONG, LONG + 1))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())

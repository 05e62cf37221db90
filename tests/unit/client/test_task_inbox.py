"""The inbox of a reader in a task: its waits share one timer."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from llamaq.client.aio.hub import TaskInbox

LONG_SECONDS = 60.0
SHORT_SECONDS = 0.02


async def _take(inbox: TaskInbox, cursor: str, seconds: float) -> None:
    """Wait for an entry, which comes at once."""
    asyncio.get_running_loop().call_soon(inbox.give, (cursor, "piece"))
    assert await inbox.receive(seconds) == (cursor, "piece")


async def _short_behind_long() -> None:
    inbox = TaskInbox("channel")
    await _take(inbox, "1-0", LONG_SECONDS)
    async with asyncio.timeout(LONG_SECONDS / 10):
        assert await inbox.receive(SHORT_SECONDS) is None


async def _long_behind_short() -> None:
    inbox, loop = TaskInbox("channel"), asyncio.get_running_loop()
    await _take(inbox, "1-0", SHORT_SECONDS)
    began = loop.time()
    assert await inbox.receive(3 * SHORT_SECONDS) is None
    assert loop.time() - began > 2 * SHORT_SECONDS


async def _many() -> None:
    inbox, loop = TaskInbox("channel"), asyncio.get_running_loop()
    for number in range(1, 101):
        await _take(inbox, f"{number}-0", LONG_SECONDS - number % 2 - number / 10)
    assert len(_timers(loop)) == 1
    inbox.close()
    assert not _timers(loop)


@pytest.mark.parametrize("scenario", [_short_behind_long, _long_behind_short, _many])
def test_waits_share_one_timer_and_each_ends_in_its_own_time(scenario: Any) -> None:
    waits: Coroutine[Any, Any, None] = scenario()
    asyncio.run(waits)


def _timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """What the loop of the standard library has scheduled and nobody has cancelled."""
    scheduled: list[asyncio.TimerHandle] = loop._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]

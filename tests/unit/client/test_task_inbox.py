"""The inbox of a reader in a task: its waits share one timer."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from llamaq.client.aio.hub import TaskInbox
from llamaq.store.log_follower import RESUBSCRIBED, LogEntry

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


async def _taken() -> None:
    """An entry is taken while the reader waits, and not while others are before it, or nobody waits."""
    inbox, loop, taken = TaskInbox("channel"), asyncio.get_running_loop(), list[str]()

    def take(entry: LogEntry) -> bool:
        taken.append(entry[0])
        return entry[1] == "piece"

    def give() -> None:
        for cursor, payload in [("2-0", "piece"), ("3-0", "end"), ("4-0", "piece")]:
            inbox.give((cursor, payload))

    inbox.give(("1-0", "piece"))
    assert await inbox.receive(LONG_SECONDS, take) == ("1-0", "piece")
    loop.call_soon(give)
    assert await inbox.receive(LONG_SECONDS, take) == ("3-0", "end")
    inbox.give(("5-0", "piece"))
    assert [await inbox.receive(LONG_SECONDS, take) for _ in range(2)] == [("4-0", "piece"), ("5-0", "piece")]
    assert taken == ["2-0", "3-0"]


async def _anew() -> None:
    """An entry that is taken lets the wait begin anew, so it ends after a silence and not in the midst of a stream."""
    inbox, loop = TaskInbox("channel"), asyncio.get_running_loop()
    at = list[float]()

    def take(_: LogEntry) -> bool:
        at.append(loop.time())
        return True

    loop.call_later(2 * SHORT_SECONDS, inbox.give, ("1-0", "piece"))
    assert await inbox.receive(3 * SHORT_SECONDS, take) is None
    assert loop.time() - at[0] >= 3 * SHORT_SECONDS


async def _no_mark() -> None:
    """What the hub says to the reader is not taken, nor are entries once too many wait."""
    inbox = TaskInbox("channel")
    asyncio.get_running_loop().call_soon(inbox.read_again)
    assert await inbox.receive(LONG_SECONDS, lambda entry: entry != RESUBSCRIBED) == RESUBSCRIBED


@pytest.mark.parametrize("scenario", [_short_behind_long, _long_behind_short, _many, _taken, _anew, _no_mark])
def test_waits_share_one_timer_and_each_ends_in_its_own_time(scenario: Any) -> None:
    waits: Coroutine[Any, Any, None] = scenario()
    asyncio.run(waits)


def _timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """What the loop of the standard library has scheduled and nobody has cancelled."""
    scheduled: list[asyncio.TimerHandle] = loop._scheduled  # type: ignore[attr-defined]
    return [timer for timer in scheduled if not timer.cancelled()]

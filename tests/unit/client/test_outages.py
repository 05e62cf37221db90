"""How long a reader goes on while Redis does not answer: two minutes without an answer, whatever came before."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, cast

import pytest
import redis

from llamaq.client.aio.reader import AsyncReader
from llamaq.client.blocking.reader import Reader
from llamaq.settings.producer import Settings
from llamaq.store.clock import Clock
from llamaq.vocabulary.errors import BrokerUnavailable

QUEUED = '{"v":1,"type":"queued","attempt":0,"at":1.0,"position":0,"eta_seconds":null}'
CANCELLED = '{"v":1,"type":"cancelled","attempt":0,"at":2.0,"reason":"enough"}'
BETWEEN_SECONDS = 100.0
CUTS = 4


class Leaping(Clock):
    """A clock that only goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Cut:
    """A Redis and a hub whose connections are cut, each after a while; the last one brings the job's end."""

    def __init__(self, clock: Leaping, *, answers: bool) -> None:
        self._clock = clock
        self._answers = answers
        self.made = 0
        self.has_entry = False

    @contextmanager
    def subscribe(self, _channel: str, _seconds: float, **_more: bool) -> Iterator["Cut"]:
        self.made += 1
        if not self._answers:
            self._clock.now += BETWEEN_SECONDS
            raise redis.ConnectionError("refused")
        yield self

    def take_turn(self) -> nullcontext[None]:
        return nullcontext()

    def receive(self, _seconds: float, _take: object = None) -> tuple[str, str]:
        if self.made <= CUTS:
            self._clock.now += BETWEEN_SECONDS
            raise redis.ConnectionError("cut")
        return "2-0", CANCELLED

    def xrange(self, _log: str, after: str, _to: str, count: int) -> list[Any]:
        return [("1-0", {"event": QUEUED})] if after in {"(0-0", "1-0"} else []

    def xrevrange(self, _log: str, count: int) -> list[Any]:
        return [("1-0", {"event": QUEUED})]

    def hget(self, _key: str, _field: str) -> str:
        return "queued"


class AsyncCut(Cut):
    """The same, awaited."""

    @asynccontextmanager
    async def subscribe(  # type: ignore[override]  # a twin, not a replacement
        self, channel: str, seconds: float, **more: bool
    ) -> AsyncIterator["AsyncCut"]:
        with super().subscribe(channel, seconds, **more):
            yield self

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name not in {"receive", "xrange", "xrevrange", "hget"}:
            return value

        async def answer(*args: Any, **options: Any) -> Any:
            return value(*args, **options)

        return answer


def _types(asynchronous: bool, clock: Leaping, *, answers: bool) -> list[str]:
    settings = Settings()
    if not asynchronous:
        cut = cast("Any", Cut(clock, answers=answers))
        reader = Reader(lambda: cut, lambda: cut, "redis://h", settings, clock)
        return [event.type for event in reader.events("j", None, fresh=False)]

    async def read() -> list[str]:
        cut = cast("Any", AsyncCut(clock, answers=answers))
        reader = AsyncReader(lambda: cut, lambda: cut, "redis://h", settings, clock)
        return [event.type async for event in reader.events("j", None, fresh=False)]

    return asyncio.run(read())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_outages_that_are_over_do_not_add_up(asynchronous: bool) -> None:
    """A job waits for minutes, and its reader's connection is cut now and then: each time Redis answers again."""
    assert _types(asynchronous, Leaping(), answers=True) == ["queued", "cancelled"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_one_that_lasts_is_told(asynchronous: bool) -> None:
    """After two minutes without an answer."""
    clock = Leaping()

    with pytest.raises(BrokerUnavailable):
        _types(asynchronous, clock, answers=False)

    assert clock.now >= 120

"""Server-Sent Events: whole frames, comments between them, and streams that end before their frames do."""

import asyncio
from collections.abc import AsyncGenerator, Callable, MutableMapping
from typing import Any

import pytest

from gateway.http.sse import EventStream, Waiting, encode_comment, encode_frame
from llamaq.vocabulary.events import parse
from tests.sse import Frame, frames

Message = MutableMapping[str, Any]


@pytest.mark.parametrize("data", ["{}", "", "a\nb", "a\r\nb\rc", "ü\u2028", " a ", "data: x\n\nid: 7"])
def test_a_frame_is_read_as_it_was_written(data: str) -> None:
    """Whatever is in its data, no line of it becomes another field or ends the frame; line ends become one kind."""
    text = encode_frame(data, event="delta", id="1-1").decode()

    lines = text.split("\n")
    assert list(frames(lines)) == [Frame("1-1", "delta", data.replace("\r\n", "\n").replace("\r", "\n"))]
    assert encode_frame("x") == b"data: x\n\n"
    assert encode_comment("queued 3") == b": queued 3\n\n"


def test_a_stream_that_waits_says_what_for_when_it_changes() -> None:
    """The place, the load, a retry; a piece of the answer says nothing."""
    events = [
        '"type":"queued","position":3',
        '"type":"queued","position":3',
        '"type":"queued","position":2',
        '"type":"started","host":"a","worker":"b"',
        '"type":"progress","stage":"loading"',
        '"type":"delta","text":"a"',
    ]
    waiting = Waiting()

    said = [waiting.update(parse("1-1", f'{{"v":1,{event},"attempt":1,"at":1}}')) for event in events]

    assert said == [b": queued 3\n\n", None, b": queued 2\n\n", b": started\n\n", b": loading\n\n", None]
    assert waiting.text == "loading"


class _Sent:
    """What a response sends."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.ended = False
        self._more = asyncio.Event()

    async def until(self, number: int) -> None:
        while len(self.bodies) < number:
            self._more.clear()
            await self._more.wait()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            assert not self.ended
            self.bodies.append(message["body"])
            self.ended = not message["more_body"]
            self._more.set()


async def _slowly(ends: asyncio.Event) -> AsyncGenerator[list[bytes], None]:
    yield [b"first"]
    await ends.wait()
    yield [b"last"]


def test_silence_is_filled_with_comments_and_talk_is_not() -> None:
    """After so long without a frame, again and again, with what the stream waits for."""

    async def run() -> None:
        sent, ends = _Sent(), asyncio.Event()
        stream = EventStream(_slowly(ends), silence_seconds=0.02)
        sending = asyncio.create_task(stream.stream({}, sent.send))
        await sent.until(4)
        ends.set()
        await sending
        assert sent.bodies[:4] == [b"first", *[b": waiting\n\n"] * 3]
        assert sent.bodies[-2:] == [b"last", b""]
        assert sent.ended

    asyncio.run(run())


def test_a_frame_puts_off_the_comment() -> None:
    """The silence is counted from the last frame, also from one that is sent while the pause runs."""

    async def run() -> None:
        sent = _Sent()

        async def talks() -> AsyncGenerator[list[bytes], None]:
            yield [b"first"]
            await asyncio.sleep(0)  # the pause before the comment begins
            stream._sent_at += 3600
            await asyncio.sleep(0.1)

        stream = EventStream(talks(), silence_seconds=0.02)
        await stream.stream({}, sent.send)
        assert sent.bodies == [b"first", b""]

    asyncio.run(run())


@pytest.mark.parametrize("how", ["until", "cancelled", "end", "error"])
def test_whatever_ends_it_what_it_read_from_is_closed(how: str) -> None:
    """Its own end, a fault, the end of the process (with a comment), or a client that left."""

    async def run() -> None:
        sent, ends, until, closed = _Sent(), asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def close() -> None:
            closed.set()

        async def failing() -> AsyncGenerator[list[bytes], None]:
            yield [b"first"]
            raise KeyError

        source = failing() if how == "error" else _slowly(ends)
        stream = EventStream(source, until=until, on_close=close)
        sending = asyncio.create_task(stream.stream({}, sent.send))
        await sent.until(1)
        actions: dict[str, Callable[[], object]] = {"until": until.set, "cancelled": sending.cancel, "end": ends.set}
        actions.get(how, lambda: None)()
        (result,) = await asyncio.gather(sending, return_exceptions=True)
        assert isinstance(result, {"cancelled": asyncio.CancelledError, "error": KeyError}.get(how, type(None)))
        assert closed.is_set()
        assert sent.ended == (how in ("until", "end"))
        assert (sent.bodies[-1] == b": closing; reconnect\n\n") == (how == "until")
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())

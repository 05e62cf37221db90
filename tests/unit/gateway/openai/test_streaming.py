"""When a stream begins, and with what."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from gateway.http.sse import Waiting
from gateway.http.streamed_response import DirectWriter
from gateway.openai import streaming
from gateway.openai.chat_answer import ChatForm
from gateway.openai.streaming import _First, _Frames
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.errors import BrokerUnavailable, JobFailed
from llamaq.vocabulary.events import Piece, parse

PIECE = Piece("9-0", "", "Hi")


def event(kind: str, cursor: str, **members: Any) -> Event:
    """An event of a log."""
    return parse(cursor, json.dumps({"v": 1, "type": kind, "attempt": 1, "at": 1, **members}))


AHEAD, NEXT = event("queued", "1-0", position=2), event("queued", "1-0", position=0)
STARTED = event("started", "2-0", host="h", worker="w")


class Job:
    """A job with these events, behind which nothing comes.

    Attributes:
        read_after: the cursors behind which it was read.
    """

    id = "job"

    def __init__(self, *ready: list[Event | Piece]) -> None:
        self.read_after: list[str | None] = []
        self._ready = ready

    async def _pieces(
        self, after: str | None, *, fresh: bool, take_piece: object
    ) -> AsyncGenerator[list[Event | Piece], None]:
        assert fresh
        self.read_after.append(after)
        if len(self.read_after) == 1:
            for ready in self._ready:
                yield ready
        await asyncio.Event().wait()


def first(job: Job) -> _First:
    return _First(cast("AsyncJob[Any]", job), Waiting(), DirectWriter(lambda _: None))


async def begin(job: Job) -> tuple[_First, list[Event | Piece]]:
    """What the stream begins with, and what it sends first of all."""
    found = first(job)
    await asyncio.wait_for(found.wait(), 60)
    rest = found.read_rest()
    ready = await anext(rest) if found.event is not None else []
    await rest.aclose()
    return found, ready


@pytest.mark.parametrize(
    ("log", "sent", "waiting"),
    [
        ([[AHEAD]], [AHEAD], "queued 2"),
        ([[NEXT], [STARTED, PIECE]], [PIECE], "started"),
        ([[NEXT, STARTED], [PIECE, PIECE]], [PIECE, PIECE], "started"),
    ],
)
def test_it_begins_with_others_ahead_or_with_the_first_piece(
    monkeypatch: pytest.MonkeyPatch, log: list[list[Event | Piece]], sent: list[Event | Piece], waiting: str
) -> None:
    """Whatever patience there is: what has come together is sent together."""
    monkeypatch.setattr(streaming, "PATIENCE_SECONDS", 3600)
    found, ready = asyncio.run(begin(Job(*log)))
    assert (ready, found.waiting.text) == (sent, waiting)


def test_it_begins_when_patience_is_over_and_is_read_on_behind_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading that was ended is begun again; nothing is sent twice."""
    monkeypatch.setattr(streaming, "PATIENCE_SECONDS", 0.01)

    async def case() -> None:
        job = Job([NEXT], [STARTED])
        found, _ = await begin(job)
        assert (found.event, found.waiting.text) == (None, "started")
        reading = asyncio.ensure_future(anext(found.read_rest()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert job.read_after == [None, "2-0"]
        reading.cancel()
        await asyncio.wait((reading,))

    asyncio.run(case())


def test_a_job_that_fails_before_it_is_an_error() -> None:
    """So that it has a status of its own."""
    failed = event("failed", "3-0", error={"code": "ollama_error", "message": "no luck", "retryable": False})
    with pytest.raises(JobFailed):
        asyncio.run(begin(Job([NEXT], [STARTED, failed])))


def test_a_first_piece_that_is_written_with_the_head_is_written_once() -> None:
    """With the same frames, and the next piece goes on behind it."""
    job, form = cast("AsyncJob[Any]", Job()), ChatForm("m")
    task, direct = (_Frames(job, Waiting(), form.chunks("id", 1)) for _ in range(2))

    opening = direct.encode_first_text("Hi")
    direct.opened_by = PIECE.cursor

    assert opening == b"".join(task.encode(PIECE))
    assert list(direct.encode(PIECE)) == []
    assert direct.encode_text("!")
    assert direct.encode_text("!") == task.encode_text("!")


def test_behind_such_a_piece_an_error_is_sent_in_the_stream() -> None:
    """The status is sent already, although nothing was read of the job."""

    class Lost(Job):
        async def _pieces(self, *_: object, **__: object) -> AsyncGenerator[list[Event | Piece], None]:
            yield [STARTED]
            raise BrokerUnavailable("Redis is away")

    async def case() -> None:
        direct_writer = DirectWriter(lambda _: None)
        direct_writer.opened_by = PIECE.cursor
        found = _First(cast("AsyncJob[Any]", Lost()), Waiting(), direct_writer)
        await found.wait()
        with pytest.raises(BrokerUnavailable):
            await anext(found.read_rest())

    asyncio.run(case())

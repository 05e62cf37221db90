"""An answer that is sent as it comes: what is one write, and what ends with its client."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.http import disconnects
from gateway.http.asgi_extensions import JoiningTransport, offer_send
from gateway.http.streamed_response import Last, StreamedResponse, encode_events
from llamaq.vocabulary.errors import JobCancelled, StreamError
from llamaq.vocabulary.events import Piece
from tests.unit.gateway.http.server import Job, Message, Server, Transport, chunks_of, serve


async def _for_ever(closed: asyncio.Event) -> AsyncGenerator[list[bytes], None]:
    try:
        while True:
            yield [b"more"]
            await asyncio.sleep(0.001)
    finally:
        closed.set()


def test_what_is_there_together_is_one_write() -> None:
    """The head and the first piece, and pieces that are in one list; no piece waits for another list."""

    async def run() -> None:
        server = Server()
        await serve(server, StreamedResponse(chunks_of([[b"b"], [b"c", b"d"]]), {}, "text/plain", first=[b"a"]))
        assert server.transport.writes == [b"head a", b"b", b"cd", b"end"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("lists", "writes"),
    [
        ([[b"a"], Last([b"b", b"c"])], [b"a", b"bcend"]),
        ([Last([b"a"]), [b"b"]], [b"ab", b"end"]),
        ([Last([b"a"]), Last([b"b"])], [b"abend"]),
    ],
)
def test_what_is_last_is_one_write_with_the_end(lists: list[list[bytes]], writes: list[bytes]) -> None:
    """Where something comes behind it after all, it is sent before that."""

    async def run() -> None:
        server = Server()
        await serve(server, StreamedResponse(chunks_of(lists), {}, "text/plain", first=[b"0"]))
        assert server.transport.writes == [b"head 0", *writes]

    asyncio.run(run())


def test_the_chunks_of_the_last_event_are_last() -> None:
    """Not those before an error, behind which comes its line."""

    async def run(*types: str, fails: bool = False) -> list[bool]:
        async def events() -> AsyncGenerator[Any, None]:
            for type_ in types:
                yield [SimpleNamespace(terminal=type_ == "end"), SimpleNamespace(terminal=type_ == "end")]

        made = iter([[b"a"], [b"b"], [b"c"]])

        def of(_: Any) -> list[bytes]:
            if fails and next(made, None) != [b"a"]:
                raise StreamError("wrong")
            return [b"x"]

        found = list[bool]()
        with suppress(StreamError):
            async for parts in encode_events(events(), of):
                found += [isinstance(parts, Last)]
        return found

    assert asyncio.run(run("piece", "end")) == [False, True]
    assert asyncio.run(run("end", fails=True)) == [False]


def test_what_is_behind_the_first_part_goes_to_the_server_itself() -> None:
    """What is around the application sees the head and the first part, and not each piece."""

    async def run(first: Sequence[bytes]) -> None:
        server, seen = Server(), []

        async def watched(message: Message) -> None:
            seen.append(message.get("body", b"head"))
            await server.send(message)

        offer_send(server.scope, server.send)
        await StreamedResponse(chunks_of([[b"a"], [b"b"], [b"c", b"d"]]), {}, "text/plain", first=first)(
            server.scope, server.receive, watched
        )

        assert seen == [b"head", *first, b"a", b""]
        assert b"".join(server.transport.writes) == b"head " + b"".join(first) + b"abcdend"

    asyncio.run(run([]))
    asyncio.run(run([b"0"]))


def test_what_is_held_is_written_before_the_connection_closes() -> None:
    """Nothing of an answer is lost where its last bytes are held; behind the close nothing is written."""
    transport = Transport()
    joining = JoiningTransport(transport)
    with joining.join_writes():
        joining.write(b"a")
        joining.close()
        joining.write(b"b")

    assert transport.writes[:1] == [b"a"]
    assert transport.closed


@pytest.mark.parametrize("slow", [False, True], ids=["reads", "reads nothing"])
def test_a_client_that_leaves_ends_its_stream_and_cancels_its_job(*, slow: bool) -> None:
    """Whether the stream waits for the job, or for the client; the request itself ends in order."""

    async def run() -> None:
        server, job, closed = Server(), Job(), asyncio.Event()
        server.blocked = asyncio.Event() if slow else None
        serving = asyncio.create_task(
            serve(server, StreamedResponse(_for_ever(closed), {}, "text/plain", job=cast("Any", job)))
        )
        await server.transport.written.wait()
        server.left.set()
        await serving
        await disconnects.wait_for_cancels(5)
        assert not serving.cancelled()
        assert job.cancelled == 1
        assert closed.is_set()

    asyncio.run(run())


def test_a_stream_that_the_process_cuts_is_cancelled_and_no_leaving() -> None:
    """The cancellation is not the client's, so it goes on."""

    async def run() -> None:
        server, job = Server(), Job()
        serving = asyncio.create_task(
            serve(server, StreamedResponse(_for_ever(asyncio.Event()), {}, "text/plain", job=cast("Any", job)))
        )
        await server.transport.written.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        await disconnects.wait_for_cancels(5)
        assert job.cancelled == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "cancels"), [(None, 0), (JobCancelled("id", "by the operator"), 0), (KeyError("fault"), 1)]
)
def test_a_job_that_has_ended_is_not_cancelled(error: Exception | None, cancels: int) -> None:
    """Only one whose answer nobody reads any more."""

    async def run() -> None:
        server, job = Server(), Job()
        answer = StreamedResponse(chunks_of([[b"a"]], lambda: error), {}, "text/plain", job=cast("Any", job))
        (result,) = await asyncio.gather(serve(server, answer), return_exceptions=True)
        await disconnects.wait_for_cancels(5)
        assert result is error
        assert job.cancelled == cancels

    asyncio.run(run())


def test_what_was_written_before_an_error_is_sent_before_it() -> None:
    """Of events that come together the second is wrong: the first is not lost."""

    async def events() -> AsyncGenerator[Any, None]:
        yield [Piece("1-0", "", "a"), Piece("2-0", "")]

    def of(piece: Any) -> list[bytes]:
        if piece.text is None:
            raise StreamError("wrong")
        return [piece.text.encode()]

    async def run() -> None:
        parts = encode_events(events(), of)
        assert await anext(parts) == [b"a"]
        with pytest.raises(StreamError):
            await anext(parts)

    asyncio.run(run())

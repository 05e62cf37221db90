"""Live pieces that are written without the task of their request."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.http.asgi_extensions import offer_body
from gateway.http.streamed_response import DirectWriter, StreamedResponse
from llamaq.vocabulary.events import Piece
from tests.unit.gateway.http.server import Server, chunks_of, serve


class Body:
    """The body of an answer, which notes its chunks."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.writable = True
        self.begins = True

    def is_request_complete(self) -> bool:
        return True

    def may_begin(self) -> bool:
        return self.begins

    def is_writable(self) -> bool:
        return self.writable

    def write(self, chunk: bytes) -> None:
        self._server.transport.write(chunk)


def test_live_pieces_go_straight_to_a_client_that_keeps_up() -> None:
    """None before the head, none to a client that does not keep up, none that is more than a text."""

    async def run() -> None:
        server, pieces = Server(), list[str]()
        body = Body(server)
        direct_writer = DirectWriter(lambda text: text.encode() if text != "odd" else None)
        offer_body(server.scope, body)

        def take(*given: Piece) -> None:
            pieces.extend(one.cursor for one in given if not direct_writer.take(one))

        async def chunks() -> AsyncGenerator[list[bytes], None]:
            yield [b"b"]
            take(Piece("2-0", "", "c"), Piece("3-0", "", "x", "thought"), Piece("4-0", "", "odd"), Piece("5-0", "", ""))
            assert answer.sent_at == direct_writer.sent_at > 0
            body.writable = False
            take(Piece("6-0", "", "y"))
            yield [b"d"]

        answer = StreamedResponse(chunks(), {}, "text/plain", first=[b"a"], direct_writer=direct_writer)
        take(Piece("1-0", "", "z"))
        await serve(server, answer)

        assert server.transport.writes == [b"head a", b"b", b"c", b"d", b"end"]
        assert pieces == ["1-0", "3-0", "4-0", "5-0", "6-0"]

    asyncio.run(run())


@pytest.mark.parametrize("given", ["piece", "more", "odd", "slow"])
def test_a_first_piece_may_be_written_with_the_head(given: str) -> None:
    """It is not made where it cannot be sent. It wakes the task, and nothing follows before that has begun."""

    async def run() -> None:
        server, made = Server(), list[str]()
        body = Body(server)
        body.begins = given != "slow"
        direct_writer = DirectWriter(str.encode)
        offer_body(server.scope, body)

        def first(text: str) -> bytes | None:
            made.append(text)
            return None if given == "odd" else b"first " + text.encode()

        answer = StreamedResponse(chunks_of([[b"b"]]), {}, "text/plain", direct_writer=direct_writer)
        direct_writer.allow_opening(answer, cast("Any", SimpleNamespace(scope=server.scope, _send=server.send)), first)
        taken = [
            direct_writer.take(Piece("1-0", "", "a", "thought" if given == "more" else None)),
            direct_writer.take(Piece("2-0", "", "b")),
        ]
        answer.first = [b"" if given == "piece" else b"a"]
        await serve(server, answer)

        assert taken == [False, False]
        assert direct_writer.opened_by == ("1-0" if given == "piece" else None)
        assert made == (["a"] if given in ("piece", "odd") else [])
        assert server.transport.writes == [b"head first a" if given == "piece" else b"head a", b"b", b"end"]

    asyncio.run(run())


@pytest.mark.parametrize("given", [[Piece("1-0", "", "a")], []], ids=["opened", "not opened"])
def test_an_answer_is_freed_when_it_is_sent(given: list[Piece]) -> None:
    """It refers to its request, whose body may be large, and to nothing that refers to it."""

    async def run() -> None:
        server, direct_writer = Server(), DirectWriter(str.encode)
        offer_body(server.scope, Body(server))
        answer = StreamedResponse(chunks_of([[b"b"]]), {}, "text/plain", direct_writer=direct_writer)
        direct_writer.allow_opening(
            answer, cast("Any", SimpleNamespace(scope=server.scope, _send=server.send)), str.encode
        )
        for piece in given:
            direct_writer.take(piece)
        await serve(server, answer)
        left = weakref.ref(answer)
        del answer
        assert left() is None

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()

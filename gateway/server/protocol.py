"""uvicorn's HTTP connection, with a bound for the time and the bytes of a request's head (slowloris)."""

import asyncio
from typing import Any, cast

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.http.asgi_extensions import JoiningTransport, offer_body, offer_joined_writes

MOST_HEAD_BYTES = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    parser: "_Parser"
    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.parser = _Parser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        self._joining = JoiningTransport(transport)
        super().connection_made(cast("asyncio.Transport", self._joining))
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer of a head."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of the client."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """The first byte of a head has come."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._deadline is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self.parser.offers_another:
            return
        self._in_head = False
        self._stop_waiting()
        offer_joined_writes(cast("Scope", self.scope), self._joining)
        super().on_headers_complete()
        offer_body(cast("Scope", self.scope), _ChunkedBody(self.cycle, self._joining))
        if self.scope["http_version"] == "1.0" and self.cycle is not None:
            self.cycle.send = _UntilClosed(self.cycle)  # type: ignore[method-assign]  # uvicorn frames each body in chunks

    def on_message_complete(self) -> None:
        """The body is whole."""
        if not self.parser.offers_another:
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: uvicorn calls it for each connection."""
        self.app_state["draining"].set()
        super().shutdown()

    def _wait_for_head(self) -> None:
        seconds = self.app_state["head_seconds"]
        self._deadline = self.loop.call_later(seconds, self._refuse, b"408 Request Timeout")

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: bytes) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


class _Parser(httptools.HttpRequestParser):
    """Reads a request that offers another protocol as one that does not: `Upgrade: h2c`, as Java's client has it.

    The base class takes what follows such a head for the other protocol, and not for the body. So the head is read a
    second time without the offer.
    """

    def __init__(self, protocol: BoundedProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol

    @property
    def offers_another(self) -> bool:
        """Whether the head that was read offers another protocol. `CONNECT` is no offer: it cannot be ignored."""
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    def feed_data(self, data: Any) -> None:
        """Read bytes of the client."""
        rest = data
        while rest:
            try:
                super().feed_data(rest)
                rest = b""
            except httptools.HttpParserUpgrade as upgrade:
                if not self.offers_another:
                    raise
                rest = memoryview(rest)[upgrade.args[0] :]
                super().feed_data(self._plain_head())

    def _plain_head(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.get_method(), self._protocol.url, self.get_http_version().encode())
        headers = [b"%b: %b" % header for header in self._protocol.headers if header[0] != b"upgrade"]
        return b"\r\n".join((line, *headers, b"", b""))


class _ChunkedBody:
    """The body of an answer that is sent in chunks of HTTP. One that is not is never writable."""

    def __init__(self, cycle: RequestResponseCycle, transport: JoiningTransport) -> None:
        self._cycle = cycle
        self._transport = transport

    def is_request_complete(self) -> bool:
        """Whether the body of the request has come as a whole."""
        return not self._cycle.more_body

    def may_begin(self) -> bool:
        """Whether the head can be sent now."""
        cycle = self._cycle
        return not (cycle.disconnected or cycle.response_started or cycle.flow.write_paused)

    def is_writable(self) -> bool:
        """Whether a chunk can be written now."""
        cycle = self._cycle
        ended = cycle.disconnected or cycle.response_complete
        return bool(cycle.chunked_encoding) and not ended and not cycle.flow.write_paused

    def write(self, chunk: bytes) -> None:
        """Write a chunk, which is not empty."""
        self._transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))


class _UntilClosed:
    """Sends to a client of HTTP/1.0, which knows no chunks: a body without a length ends with the connection."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._has_length = True

    async def __call__(self, message: Any) -> None:
        """Send a message of ASGI."""
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
        if not self._has_length:
            self._cycle.chunked_encoding = False
            self._cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)

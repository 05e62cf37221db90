"""Extensions of ASGI that make a stream cheaper. The server offers them, and the application asks for them.

They are several writes in one, `send` without the middlewares, and a body that is written to without waiting.

The server still makes the form of an answer on the wire, such as its chunks.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from starlette.types import Scope, Send

_EXTENSION = "llamaq.joined_writes"
_SEND = "llamaq.send"
_BODY = "llamaq.open_body"


class OpenBody(Protocol):
    """The body of an answer. It is written to without waiting."""

    def is_request_complete(self) -> bool:
        """Whether the body of the request has come as a whole."""

    def may_begin(self) -> bool:
        """Whether the answer has not begun, and its head can be sent without waiting."""

    def is_writable(self) -> bool:
        """Whether the body goes on, and its reader keeps up: nothing that was written has to be waited for."""

    def write(self, chunk: bytes) -> None:
        """Write a chunk."""


class JoiningTransport:
    """A transport that can hold what is written for a while."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, or hold it."""
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    def close(self) -> None:
        """Write what is held, and close."""
        self._flush()
        self._transport.close()

    @contextmanager
    def join_writes(self) -> Iterator[None]:
        """Write at the end of the block what is written in it."""
        self._held = []
        try:
            yield
        finally:
            self._flush()

    def _flush(self) -> None:
        held, self._held = self._held, None
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


def offer_joined_writes(scope: Scope, transport: JoiningTransport) -> None:
    """Let the application of a request use `join_writes`."""
    scope.setdefault("extensions", {})[_EXTENSION] = transport


def join_writes(scope: Scope) -> AbstractContextManager[None]:
    """Join the `send`s of a block into one write, where the server of the request can do that."""
    transport = scope.get("extensions", {}).get(_EXTENSION)
    return transport.join_writes() if transport is not None else nullcontext()


def offer_send(scope: Scope, send: Send) -> None:
    """Offer the server's own `send` to the application."""
    scope.setdefault("extensions", {})[_SEND] = send


def server_send(scope: Scope, send: Send) -> Send:
    """The server's own `send`, where it is offered: no middleware reads what follows the first part of a body."""
    found: Send = scope.get("extensions", {}).get(_SEND, send)
    return found


def offer_body(scope: Scope, body: OpenBody) -> None:
    """Let the application of a request use `body_of`."""
    scope.setdefault("extensions", {})[_BODY] = body


def body_of(scope: Scope) -> OpenBody | None:
    """The body of the request's answer, where its server can write to it without waiting."""
    found: OpenBody | None = scope.get("extensions", {}).get(_BODY)
    return found


def is_request_complete(scope: Scope) -> bool:
    """Whether the body of a request is known to have come as a whole: to receive it takes no time."""
    body = body_of(scope)
    return body is not None and body.is_request_complete()

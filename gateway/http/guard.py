"""Bounds each request before a route sees it: its `Host`, the bytes of its body, and the time that they may take."""

import asyncio
from collections.abc import Sequence
from fnmatch import fnmatchcase

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.asgi_extensions import is_request_complete
from gateway.http.dialect import render_error
from gateway.http.errors import GatewayError

LEAST_RATE = 16_384
"""The least average rate of a body, in bytes a second. A slower one is refused."""
LINGER_SECONDS = 1.0
"""For so long the rest of a refused body is read and dropped, so that its sender gets to read the answer."""
_CHECKED = frozenset({b"host", b"origin", b"content-length"})
PROBES = frozenset({"/healthz", "/readyz"})
"""Paths that probes ask for. Their `Host` may be any: a kubelet and a load balancer ask by an address."""
MOST_HELD = 4
"""All bodies that are being received may have so many times `most_bytes` together."""


class Guard:
    """ASGI: refuses what is out of bounds, and passes the rest on.

    Attributes:
        most_bytes: of one body.
        pause_seconds: the longest pause within a body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        origins: Sequence[str] | None,
        most_bytes: int,
        pause_seconds: float,
    ) -> None:
        """Make it around an application.

        Args:
            app: what is guarded.
            hosts: patterns of the names that `Host` may have; none checks nothing.
            origins: patterns of the origins of web pages that may send requests; None checks nothing.
            most_bytes: of one body.
            pause_seconds: the longest pause within a body.
        """
        self._app = app
        self._hosts = hosts
        self._origins = origins
        self.most_bytes = most_bytes
        self.pause_seconds = pause_seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, self)
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            # Where the body was given up meanwhile, the answer of the route is replaced by that refusal.
            if started or body.refused is None:
                started = True
                await send(message)

        try:
            self._check_headers(scope)
            await self._app(scope, body.receive, send_unless_refused)
        except GatewayError as error:
            body.refused = body.refused or error
        finally:
            body.release()
        if body.refused is not None and not started:
            await _refuse(body.refused, scope, receive, send)

    def _check_headers(self, scope: Scope) -> None:
        found: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _CHECKED and name not in found:
                found[name] = value.decode("latin-1")
        host = _host_name(found.get(b"host", ""))
        if self._hosts and scope["path"] not in PROBES and not _matches_any(host, self._hosts):
            what = "the header Host has no name of this gateway: LLAMAQ_GATEWAY_HOSTS lists all that it is called by"
            raise GatewayError(421, "wrong_host", what)
        origin = found.get(b"origin", "").lower()
        if origin and self._origins is not None and not _matches_any(origin, self._origins):
            what = "pages of this origin may not call the gateway: LLAMAQ_GATEWAY_ORIGINS lists those that may"
            raise GatewayError(403, "wrong_origin", what)
        length = found.get(b"content-length", "0")
        if length.isdecimal() and int(length[:20]) > self.most_bytes:
            raise self.too_large_error()

    def too_large_error(self) -> GatewayError:
        """The error for a body with too many bytes."""
        what = f"the body has more than {self.most_bytes} bytes (LLAMAQ_GATEWAY_MAX_BODY_BYTES)"
        return GatewayError(413, "body_too_large", what)

    def hold(self, size: int) -> None:
        """Count bytes of a body that is being received.

        Raises:
            GatewayError: the bodies that are being received have too many bytes together.
        """
        if size > 0 and self._held + size > MOST_HELD * self.most_bytes:
            what = "too many large bodies are being received; try again later"
            raise GatewayError(503, "busy", what, retry_after=1)
        self._held += size


class _Body:
    """The body of one request while it is received.

    Attributes:
        refused: why it is given up.
    """

    def __init__(self, scope: Scope, receive: Receive, guard: Guard) -> None:
        self.refused: GatewayError | None = None
        self._scope = scope
        self._receive = receive
        self._guard = guard
        self._size = 0
        self._held = 0
        self._whole = False
        self._began: float | None = None

    async def receive(self) -> Message:
        """The next message. Behind the whole body comes the client's disconnect, for which there is no limit of time.

        Raises:
            GatewayError: it is out of bounds.
        """
        if self._whole:
            return await self._receive()
        try:
            return await self._receive_bounded()
        except GatewayError as error:
            self.refused = error
            raise

    async def _receive_bounded(self) -> Message:
        message = await (self._receive() if is_request_complete(self._scope) else self._receive_in_time())
        if message["type"] != "http.request":
            return message
        size = len(message.get("body", b""))
        self._size += size
        if self._size > self._guard.most_bytes:
            raise self._guard.too_large_error()
        self._guard.hold(size)
        self._held += size
        if not message.get("more_body", False):
            self._whole = True
            self.release()
        return message

    async def _receive_in_time(self) -> Message:
        try:
            async with asyncio.timeout(self._seconds_left()):
                return await self._receive()
        except TimeoutError:
            raise GatewayError(408, "body_too_slow", "the body came too slowly") from None

    def release(self) -> None:
        """Count its bytes no longer: it is whole, or given up."""
        self._guard.hold(-self._held)
        self._held = 0

    def _seconds_left(self) -> float:
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        return min(self._guard.pause_seconds, self._began + self._guard.pause_seconds + self._size / LEAST_RATE - now)


async def _refuse(error: GatewayError, scope: Scope, receive: Receive, send: Send) -> None:
    response = render_error(error, scope["path"], {"Connection": "close"})
    waits = any(name == b"expect" for name, _ in scope["headers"])  # its sender has not begun with the body
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if not waits:
        await _drop_rest(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop_rest(receive: Receive) -> None:
    # A connection that is closed with unread bytes is reset, and its peer may lose the answer.
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            more = True
            while more:
                message = await receive()
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return


def _matches_any(value: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value, one) for one in patterns)


def _host_name(host: str) -> str:
    """The name in a `Host` header, without the port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and ":" in host else host

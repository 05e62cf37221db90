"""Connections that give their socket to the current call, so that it can be aborted, and pools of them.

Two private methods of urllib3 are overridden, because it has no public hooks at these moments: `_new_conn` comes before
the TLS handshake, which may block, and `_put_conn` comes before the connection may serve another call. The tests of
`abort` fail if either is renamed.
"""

import socket
import ssl
from collections.abc import Iterator
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from api_client.call import Call, current_call
from api_client.errors import Aborted
from api_client.final_response import FinalResponse

# Each `sendall` must end within the connect timeout. On a slow link 20 MB of images in one piece would not. In pieces,
# the timeout only limits how long the server does not read.
PIECE_BYTES = 64 * 1024

# TCP keep-alive. Ollama is silent for minutes before a first token, so a host that has lost its power looks like a busy
# one, and routers forget the connection. After 20 s of silence the kernel sends probes, and after 45 s it gives the
# connection up, before the limit for silence in an answer.
_PROBED_AFTER_SECONDS, _PROBED_EACH_SECONDS, _PROBES = 20, 5, 5
_GIVEN_UP_SECONDS = _PROBED_AFTER_SECONDS + _PROBED_EACH_SECONDS * _PROBES
_OF_TCP = {
    "TCP_KEEPIDLE": _PROBED_AFTER_SECONDS,
    "TCP_KEEPINTVL": _PROBED_EACH_SECONDS,
    "TCP_KEEPCNT": _PROBES,
    "TCP_USER_TIMEOUT": 1000 * _GIVEN_UP_SECONDS,  # where the host has not even received the request
}


class AbortableConnection(HTTPConnection):
    """A plain connection whose socket is shut down when the call that uses it is aborted."""

    response_class = FinalResponse
    call: Call | None = None
    _held: bytearray | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _OF_TCP.items():
            if hasattr(socket, name):  # Linux has all
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self.call = current_call.get()
        try:
            self.call.hold(sock)
        except Aborted:
            sock.close()
            raise
        return sock

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **kw: Any) -> None:
        """Send a request. The call gets the socket of a pooled connection here, and over TLS the wrapped socket."""
        if self.sock is not None:
            self.call = current_call.get()
            self.call.hold(self.sock)
        if not isinstance(body, bytes):
            super().request(method, url, body, headers, **kw)
        elif len(body) > PIECE_BYTES:
            super().request(method, url, _split_body(body), {**headers, "Content-Length": str(len(body))}, **kw)
        else:
            self._send_at_once(method, url, body, headers, kw)

    def _send_at_once(self, method: str, url: str, body: bytes, headers: Any, kw: dict[str, Any]) -> None:
        """Send it in one piece: http.client would send the headers first, and wake the server for them alone."""
        self._held = bytearray()
        try:
            super().request(method, url, body, headers, **kw)
        finally:
            held, self._held = self._held, None
        self.send(held)

    def send(self, data: Any) -> None:
        """Send bytes, or hold them back until the request is whole."""
        if self._held is None:
            super().send(data)
        else:
            self._held += data


class AbortableTLSConnection(AbortableConnection, HTTPSConnection):
    """The same over TLS."""

    def send(self, data: Any) -> None:
        """Send bytes, or hold them back.

        Raises:
            BrokenPipeError: The server has closed the connection. It may have answered before, and urllib3 reads that.
        """
        try:
            super().send(data)
        except ssl.SSLEOFError as error:
            raise BrokenPipeError(str(error)) from error


class AbortablePool(HTTPConnectionPool):
    """Takes a connection back only after its call has released it, and has read its answer."""

    ConnectionCls = AbortableConnection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None and conn.call is not None:
            call, conn.call = conn.call, None
            call.release()
            if call.answered:
                call.give_back = partial(self._take_back, conn)
                return
        super()._put_conn(conn)

    def _take_back(self, conn: Any, sound: bool) -> None:
        if not sound:
            conn.close()  # it is opened anew for the next call
        super()._put_conn(conn)


class AbortableTLSPool(AbortablePool, HTTPSConnectionPool):
    """The same for https."""

    ConnectionCls = AbortableTLSConnection


def _split_body(body: bytes) -> Iterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])

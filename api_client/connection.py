"""Connections that set the socket of the current call, and pools that make them.

Two private methods of urllib3 are overridden, since it has no public hook that early or that late: `_new_conn` (a TLS
handshake may block before `connect` returns) and `_put_conn` (the last moment at which a connection belongs to one
call). The tests of `abort` fail if either is renamed.
"""

import socket
from collections.abc import Iterator
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from api_client.call import Call, current_call
from api_client.errors import Aborted

# One `sendall` must end within the connect timeout, whatever its size: 20 MB of images in one piece would not, on a
# slow link. In pieces, the timeout limits the silence of a server that does not read.
PIECE_BYTES = 64 * 1024


class WatchedConnection(HTTPConnection):
    """A plain connection whose socket can be shut down by the call that uses it."""

    call: Call | None = None

    def _new_conn(self) -> socket.socket:
        return _announced(self, super()._new_conn())

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **kw: Any) -> None:
        """Sends a request; on a pooled connection this is where the call first meets the socket."""
        _announce_open(self)
        super().request(method, url, _in_pieces(body), headers, **kw)


class WatchedTLSConnection(HTTPSConnection):
    """The same over TLS. The socket is announced twice: before the handshake, and wrapped."""

    call: Call | None = None

    def _new_conn(self) -> socket.socket:
        return _announced(self, super()._new_conn())

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **kw: Any) -> None:
        """Sends a request; the socket is the wrapped one by now."""
        _announce_open(self)
        super().request(method, url, _in_pieces(body), headers, **kw)


class WatchedPool(HTTPConnectionPool):
    """Takes a connection back only after its call has released it."""

    ConnectionCls = WatchedConnection

    def _put_conn(self, conn: Any) -> None:
        _part(conn)
        super()._put_conn(conn)


class WatchedTLSPool(HTTPSConnectionPool):
    """The same for https."""

    ConnectionCls = WatchedTLSConnection

    def _put_conn(self, conn: Any) -> None:
        _part(conn)
        super()._put_conn(conn)


def _announced(connection: WatchedConnection | WatchedTLSConnection, sock: socket.socket) -> socket.socket:
    connection.call = current_call.get()
    try:
        connection.call.hold(sock)
    except Aborted:
        sock.close()
        raise
    return sock


def _announce_open(connection: WatchedConnection | WatchedTLSConnection) -> None:
    if connection.sock is not None:
        connection.call = current_call.get()
        connection.call.hold(connection.sock)


def _part(connection: WatchedConnection | WatchedTLSConnection | None) -> None:
    if connection is not None and connection.call is not None:
        connection.call.release()
        connection.call = None


def _in_pieces(body: Any) -> Any:
    if not isinstance(body, bytes) or len(body) <= PIECE_BYTES:
        return body
    return _pieces(body)  # a new iterator for each attempt, so that a retry sends the whole body


def _pieces(body: bytes) -> Iterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        yield bytes(view[start : start + PIECE_BYTES])

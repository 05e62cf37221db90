"""Blocking connections of redis-py, of which every operation ends with the limit that `deadline.limited` has set."""

from typing import Any, cast

import redis

from llamaq.store.connections.deadline import at_most


class BoundedSocket:
    """A socket, plain or of TLS. Without it each receive has the whole timeout, however many an answer needs."""

    def __init__(self, plain: Any, seconds: float | None) -> None:
        self._plain = plain
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout where no limit ends sooner."""
        self._seconds = seconds

    def sendall(self, data: bytes) -> None:
        """Send it in pieces, each within what is left."""
        rest = memoryview(data)
        while rest:
            self._bound()
            rest = rest[self._plain.send(rest) :]

    def recv(self, *arguments: int) -> bytes:
        """Receive within what is left."""
        self._bound()
        return cast("bytes", self._plain.recv(*arguments))

    def recv_into(self, *arguments: Any) -> int:
        """As `recv`."""
        self._bound()
        return cast("int", self._plain.recv_into(*arguments))

    def _bound(self) -> None:
        self._plain.settimeout(at_most(self._seconds))


class Bounded:
    """What the two connections have in common. Every address of the host, and the TLS handshake, has what is left."""

    def __init__(self, *, socket_timeout: float, socket_connect_timeout: float, **options: Any) -> None:
        self._answer_seconds, self._connect_seconds = socket_timeout, socket_connect_timeout
        self._connecting = False
        options |= {"socket_timeout": socket_timeout, "socket_connect_timeout": socket_connect_timeout}
        super().__init__(**options)

    @property
    def socket_timeout(self) -> float | None:
        """The timeout of an operation. redis-py keeps it beyond the connecting, so only then it is what is left."""
        return at_most(self._answer_seconds) if self._connecting else self._answer_seconds

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        """Set it."""
        self._answer_seconds = seconds

    @property
    def socket_connect_timeout(self) -> float | None:
        """The timeout for one address of the host."""
        return at_most(self._connect_seconds) if self._connecting else self._connect_seconds

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float) -> None:
        """Set it."""
        self._connect_seconds = seconds

    def _connect(self) -> BoundedSocket:
        self._connecting = True
        try:
            plain = super()._connect()  # type: ignore[misc]  # of the connection that this is mixed with
        finally:
            self._connecting = False
        return BoundedSocket(plain, self._answer_seconds)


class PlainConnection(Bounded, redis.Connection):
    """Over TCP."""


class TlsConnection(Bounded, redis.SSLConnection):
    """Over TLS."""


class UnixConnection(Bounded, redis.UnixDomainSocketConnection):
    """Over a Unix socket."""

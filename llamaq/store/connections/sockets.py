"""Blocking connections of redis-py and their pool. Every operation ends by the limit of `deadline.time_limit`."""

import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any
from weakref import WeakSet

import redis

from llamaq.store.clock import SYSTEM
from llamaq.store.connections.deadline import cap_seconds, timeout_error
from llamaq.store.connections.tls_handshake import limit_handshake

ADDRESSES = 3
"""Where no limit is set: of the host, so many may take their whole time."""
STEP_SECONDS = 0.125
"""A timeout of more than a second is rounded down to a multiple of it. So most operations find their timeout set, and
save a system call."""
IDLE_SECONDS = 30.0
"""A connection that nobody has used for so long is closed; it takes up to twice as long until that is looked for."""


class BoundedSocket:
    """A socket, plain or of TLS, whose receives share one limit. Else each of them would have the whole timeout."""

    def __init__(self, plain: Any, seconds: float | None) -> None:
        self._plain = plain
        self._seconds = seconds
        self._poll = _make_poll(plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def settimeout(self, seconds: float | None) -> None:
        """Set the timeout where no limit ends sooner."""
        self._seconds = seconds

    def sendall(self, data: bytes) -> None:
        """Send it in pieces, each within what is left."""
        rest = memoryview(data)
        while rest:
            self._set_timeout()
            rest = rest[self._plain.send(rest) :]

    def recv(self, *arguments: int) -> bytes:
        """Receive within what is left."""
        self._set_timeout()
        data: bytes = self._plain.recv(*arguments)
        return data

    def recv_into(self, *arguments: Any) -> int:
        """As `recv`."""
        self._set_timeout()
        received: int = self._plain.recv_into(*arguments)
        return received

    def is_silent(self) -> bool:
        """Whether the connection is open and nothing is to be read; False also where that is not known."""
        return self._poll is not None and not self._poll.poll(0)

    def _set_timeout(self) -> None:
        seconds = cap_seconds(self._seconds)
        if seconds is not None and seconds > 1:
            seconds -= seconds % STEP_SECONDS
        if self._plain.gettimeout() != seconds:
            self._plain.settimeout(seconds)


def _make_poll(plain: Any) -> Any:
    """Make what asks the kernel about this socket; None for TLS, which may hold bytes of its own, and on Windows."""
    if not isinstance(plain, socket.socket) or isinstance(plain, ssl.SSLSocket) or not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(plain, select.POLLIN)
    return poll


def _run_within(connect: Callable[[], Any], seconds: float) -> Any:
    """Run `connect`. Nothing ends the resolution of a name, so it runs in a thread that is left behind.

    Raises:
        redis.TimeoutError: it took longer.
    """
    found: list[Any] = []
    failed: list[BaseException] = []
    lock, late = threading.Lock(), threading.Event()

    def run() -> None:
        try:
            plain = connect()
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            failed.append(error)
            return
        with lock:
            if late.is_set():
                plain.close()
            else:
                found.append(plain)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="llamaq-connect", daemon=True)
    thread.start()
    thread.join(seconds)
    with lock:
        if not found and not failed:
            late.set()
            raise timeout_error(seconds)
    if failed:
        raise failed[0]
    return found[0]


class Bounded:
    """What the two connections share: while they connect, each address and the TLS handshake has what is left."""

    def __init__(self, *, socket_timeout: float, socket_connect_timeout: float, **options: Any) -> None:
        self._answer_seconds, self._connect_seconds = socket_timeout, socket_connect_timeout
        self._connecting = False
        options |= {"socket_timeout": socket_timeout, "socket_connect_timeout": socket_connect_timeout}
        super().__init__(**options)

    @property
    def socket_timeout(self) -> float | None:
        """The timeout of an operation: while it connects, what is left. redis-py keeps a value that it reads later."""
        return cap_seconds(self._answer_seconds) if self._connecting else self._answer_seconds

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        """Set it."""
        self._answer_seconds = seconds

    @property
    def socket_connect_timeout(self) -> float | None:
        """The timeout for one address of the host."""
        return cap_seconds(self._connect_seconds) if self._connecting else self._connect_seconds

    @socket_connect_timeout.setter
    def socket_connect_timeout(self, seconds: float) -> None:
        """Set it."""
        self._connect_seconds = seconds

    def connect_check_health(self, *given: Any, **more: Any) -> None:
        """Connect. After a signal whose handler raises (Ctrl-C) nothing stays open without its password or database."""
        try:
            super().connect_check_health(*given, **more)  # type: ignore[misc]  # of the connection that this is mixed with
        except BaseException:
            self.disconnect()  # type: ignore[attr-defined]  # as above
            raise

    def _connect(self) -> BoundedSocket:
        self._connecting = True
        try:
            connect = super()._connect  # type: ignore[misc]  # of the connection that this is mixed with
            plain = _run_within(connect, cap_seconds(self._connect_seconds * ADDRESSES) or 0)
        finally:
            self._connecting = False
        return BoundedSocket(plain, self._answer_seconds)


class PlainConnection(Bounded, redis.Connection):
    """Over TCP."""


class TlsConnection(Bounded, redis.SSLConnection):
    """Over TLS."""

    def _connect(self) -> BoundedSocket:
        with limit_handshake(self.host, self.port):
            return super()._connect()


class UnixConnection(Bounded, redis.UnixDomainSocketConnection):
    """Over a Unix socket."""


def must_reconnect(connection: Any) -> bool:
    """Whether redis-py closes a connection that is given back, because its server moves; 6.2 never does."""
    should_reconnect = getattr(connection, "should_reconnect", None)
    return should_reconnect is not None and should_reconnect()


class Pool(redis.ConnectionPool):
    """redis-py's pool, which also closes idle connections: redis-py keeps as many open as were ever used at a time.

    A connection on which nothing is to be read is taken and given back without redis-py's code. That updates metrics
    and calls listeners each time, which takes as long as the rest of a call.
    """

    _looks_at = 0.0

    def reset(self) -> None:
        """Begin anew, in a forked process: a thread that is not there may have held the locks."""
        self._lock = threading.RLock()
        dispatcher: Any = getattr(self, "_event_dispatcher", None)
        if hasattr(dispatcher, "_lock"):
            dispatcher._lock = threading.RLock()  # noqa: SLF001 - redis-py has no other way
        super().reset()
        # A signal whose handler raises (Ctrl-C) may come between any two steps. A connection that nobody holds is gone.
        self._in_use_connections: Any = WeakSet()

    def make_connection(self) -> Any:
        """A new connection, where there are not as many as there may be."""
        self._created_connections = len(self._available_connections) + len(self._in_use_connections)
        return super().make_connection()

    def get_connection(self, *given: Any, **more: Any) -> Any:
        """A connection to use."""
        self._checkpid()
        with self._lock:
            idle: Any = self._available_connections.pop() if self._available_connections else None
            if idle is not None:
                self._in_use_connections.add(idle)
        if idle is not None:
            idle.taken_at_once = isinstance(idle._sock, BoundedSocket) and idle._sock.is_silent()  # noqa: SLF001 - no public name
            if idle.taken_at_once:
                return idle
            with self._lock:
                self._in_use_connections.remove(idle)
                self._available_connections.append(idle)
        return super().get_connection(*given, **more)

    def release(self, connection: Any) -> None:
        """Take a connection back."""
        now = connection.idle_since = SYSTEM.monotonic()
        if not self._take_back(connection):
            super().release(connection)
        if now >= self._looks_at:
            self._looks_at = now + IDLE_SECONDS
            with self._lock:
                for idle in self._available_connections:
                    if now - getattr(idle, "idle_since", now) > IDLE_SECONDS:
                        idle.disconnect()  # it stays in the pool, and connects on its next use

    def _take_back(self, connection: Any) -> bool:
        """Take back a connection that was taken at once, unless redis-py has to do something about it."""
        if not getattr(connection, "taken_at_once", False):
            return False
        connection.taken_at_once = False
        self._checkpid()
        with self._lock:
            ours = connection in self._in_use_connections and self.owns_connection(connection)
            if not ours or must_reconnect(connection):
                return False
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)
        return True

"""The part of a request that another thread can end.

Closing the connection is the only way to cancel at Ollama, and a thread that waits in `recv` cannot be interrupted
from outside. Shutting its socket down can: the wait ends at once, as if the server had closed. The socket must be
known from the moment it exists, since Ollama sends no header before the first token; `api_client.connection` tells it.
"""

import contextlib
import os
import socket
import threading
from contextvars import ContextVar

from api_client.errors import Aborted


class Call:
    """Whether a request was aborted, and the socket it runs on just now."""

    def __init__(self) -> None:
        self.aborted = False
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._handle: socket.socket | None = None

    def abort(self) -> None:
        """Ends the request, whatever it waits for. From any thread, any number of times."""
        with self._lock:
            self.aborted = True
            self._wake.set()
            if self._handle is not None:
                # The peer may have closed already; then there is nothing left to end.
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def hold(self, sock: socket.socket) -> None:
        """Takes note of the socket in use.

        Raises:
            Aborted: The call was aborted before it had a socket.
        """
        with self._lock:
            self._drop_handle()
            if self.aborted:
                raise Aborted("the call was aborted")
            # A descriptor of our own on the same connection: the socket object may be closed, or swapped for its TLS
            # wrapper, at any moment by the thread that reads, and its number be given to someone else.
            self._handle = socket.socket(sock.family, sock.type, sock.proto, fileno=os.dup(sock.fileno()))
            self._socket = sock

    def let_go(self) -> None:
        """Forgets the socket: from here on an abort must not touch it, as another call may be using it."""
        with self._lock:
            self._drop_handle()

    def set_silence(self, seconds: float | None) -> None:
        """Limits how long the reading thread waits for the next bytes; None waits for ever."""
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def pause(self, seconds: float) -> None:
        """Waits, unless aborted.

        Raises:
            Aborted: The call was aborted before or meanwhile.
        """
        self.let_go()  # our descriptor would keep the failed connection open for the length of the wait
        if self._wake.wait(seconds):
            raise Aborted("the call was aborted")

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._socket = None


# urllib3 makes its connections far below us and passes nothing through; the thread that sends is the one that connects.
current_call: ContextVar[Call] = ContextVar("current_call")

"""The part of a request that another thread can end.

Closing the connection is the only cancel that Ollama knows, and a thread that waits in `recv` cannot be interrupted.
Shutting its socket down ends the wait at once, as if the server had closed. The socket must be known from the moment
it exists, since Ollama sends no header before the first token: `api_client.connection` sets it.
"""

import contextlib
import os
import socket
import threading
from contextvars import ContextVar

from api_client.errors import Aborted


class Call:
    """Whether a request was aborted, and the socket that it uses now."""

    def __init__(self) -> None:
        self.aborted = False
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._handle: socket.socket | None = None

    def abort(self) -> None:
        """Ends the request, whatever it waits for. May be called from any thread, any number of times."""
        with self._lock:
            self.aborted = True
            self._wake.set()
            if self._handle is not None:
                # The peer may have closed already.
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def hold(self, sock: socket.socket) -> None:
        """Sets the socket in use.

        Raises:
            Aborted: The call was aborted before it had a socket.
        """
        with self._lock:
            self._drop_handle()
            if self.aborted:
                raise Aborted("the call was aborted")
            # A duplicate descriptor of the connection: the reading thread may close the socket object, or replace it by
            # its TLS wrapper, at any moment, and the number of its descriptor may be used again.
            self._handle = socket.socket(sock.family, sock.type, sock.proto, fileno=os.dup(sock.fileno()))
            self._socket = sock

    def release(self) -> None:
        """Forgets the socket: an abort must not touch it any more, since another call may use it."""
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
        self.release()  # the duplicate would keep the failed connection open for the length of the wait
        if self._wake.wait(seconds):
            raise Aborted("the call was aborted")

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._socket = None


# urllib3 passes nothing through to its connections; the thread that sends is the one that connects.
current_call: ContextVar[Call] = ContextVar("current_call")

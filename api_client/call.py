"""The part of a request that another thread can abort.

Ollama cancels a request only when its connection closes, and a thread that waits in `recv` cannot be interrupted.
A shutdown of its socket ends the wait at once, as if the server had closed it. Ollama sends no header before the first
token, so the call needs the socket from the moment it exists: `api_client.connection` sets it.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar

from api_client.errors import Aborted


class Call:
    """Whether a request was aborted, and the socket that it uses now.

    Attributes:
        answered: whether the headers of its answer have come.
        give_back: gives its connection back, told whether the answer is sound; None until the answer is at its end.
    """

    def __init__(self) -> None:
        self.aborted = False
        self.answered = False
        self.give_back: Callable[[bool], None] | None = None
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._handle: socket.socket | None = None

    def abort(self) -> None:
        """End the request at once. May be called from any thread, any number of times."""
        with self._lock:
            self.aborted = True
            self._wake.set()
            if self._handle is not None:
                # The peer may have closed already.
                with contextlib.suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def hold(self, sock: socket.socket) -> None:
        """Set the socket in use.

        Raises:
            Aborted: The call was aborted before it had a socket.
        """
        with self._lock:
            self._drop_handle()
            if self.aborted:
                raise Aborted("the call was aborted")
            # A duplicate descriptor: the reading thread may close or wrap the socket object at any moment, and
            # then the number of its descriptor may be used again.
            self._handle = socket.socket(fileno=os.dup(sock.fileno()))
            self._socket = sock

    def release(self) -> None:
        """Release the socket. An abort must not shut it down any more, since another call may use it."""
        with self._lock:
            self._drop_handle()

    def set_silence(self, seconds: float | None) -> None:
        """Limit how long the reading thread waits for the next bytes; None waits for ever."""
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def get_socket(self) -> socket.socket | None:
        """Get the socket in use."""
        return self._socket

    def pause(self, seconds: float) -> None:
        """Wait, unless aborted.

        Raises:
            Aborted: The call was aborted before or meanwhile.
        """
        self.release()  # the duplicate would keep the failed connection open for the length of the wait
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait with the connection held; raises as `pause`."""
        if self._wake.wait(seconds):
            raise Aborted("the call was aborted")

    def _drop_handle(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._socket = None


# A context variable, because urllib3 passes no argument on to its connections. The thread that sends also connects.
current_call: ContextVar[Call] = ContextVar("current_call")

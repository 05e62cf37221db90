"""The body of one answer, which the reader of bodies takes from its socket."""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Any, Protocol

from urllib3.exceptions import ProtocolError, ReadTimeoutError
from urllib3.util import wait_for_read

from api_client.body.chunked_decoder import ChunkedDecoder

PIECE_BYTES = 64 * 1024
"""The most that is read of one body before it is another one's turn. It is more than the 16 KiB of a TLS record, so a
read leaves nothing decrypted behind, which would make no socket readable."""
NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Pieces(Protocol):
    """What takes the bytes of a body. A reader of bodies calls it, so it must not wait."""

    def take(self, piece: bytes) -> bool:
        """Take the next bytes; returns whether the answer is complete. What it raises ends the body."""

    def is_full(self) -> bool:
        """Whether it takes no more for now."""


class StreamedBody:
    """A chunked body, from the end of the headers on. Its socket does not block.

    Attributes:
        sock: the connection.
        is_full: whether its taker takes no more for now.
        silent_at: monotonic time at which the host has been silent for too long; infinite without a limit.
        error: why it ended; None for a body that was taken to its end.
    """

    def __init__(self, raw: Any, sock: socket.socket, taker: Pieces, limits: tuple[float | None, float]) -> None:
        """Begin to read without blocking.

        Args:
            raw: urllib3's response.
            sock: of its connection.
            taker: takes the bytes.
            limits: seconds of silence that are allowed: in the answer, and from its last line to the body's end mark.
        """
        self.sock = sock
        self.error: BaseException | None = None
        self.silent_at = float("inf")
        self._raw = raw
        self._taker = taker
        self.is_full = taker.is_full
        self._limit, self._end_limit = limits
        self._decoder = ChunkedDecoder()
        self._complete = False
        self._over = threading.Event()
        sock.settimeout(0)

    def begin(self, now: float) -> bool:
        """Take what has come with the headers; returns whether the body is at its end."""
        self.reset_silence(now)
        # http.client reads headers through a buffer, which has the bytes after them.
        buffered = self._raw._original_response.fp  # noqa: SLF001
        data = b""
        with suppress(*NOTHING_YET):
            data = buffered.peek(1)
            data = buffered.read(len(data)) if data else b""
        # The rest of a TLS record longer than the buffer is decrypted already: no socket becomes readable for it.
        return (bool(data) and self._feed(data, now)) or (self._is_decrypted() and self.step(now))

    def wait_for_bytes(self, seconds: float) -> bool:
        """Wait for more bytes, at most so many seconds; returns whether some can be taken."""
        return wait_for_read(self.sock, seconds) and not self.is_full()

    def step(self, now: float) -> bool:
        """Take what has arrived; returns whether the body is at its end."""
        try:
            data = self.sock.recv(PIECE_BYTES)
        except NOTHING_YET:
            return False
        self.reset_silence(now)
        if not data:
            raise ProtocolError("the connection was closed before the end of the body")
        return self._feed(data, now)

    def reset_silence(self, now: float) -> None:
        """Let the silence begin anew, because bytes have come."""
        if not self._complete and self._limit is not None:
            self.silent_at = now + self._limit

    def silence_error(self) -> BaseException:
        """Make the error of a body whose host was silent for too long."""
        return ReadTimeoutError(self._raw._pool, "", "Read timed out.")  # noqa: SLF001

    def end(self, error: BaseException | None = None) -> None:
        """Wake the thread that waits for the end."""
        # The answer is complete. A failure of the connection must not fail it now.
        self.error = None if self._complete and isinstance(error, Exception) else error
        self._over.set()

    def wait(self) -> None:
        """Wait until the body is at its end, and let its connection be used again, if nothing follows on it.

        Raises:
            Exception: what has ended it before.
        """
        self._over.wait()
        if self.error is not None:
            raise self.error
        if self._decoder.ended and not self._decoder.surplus and not self._is_decrypted():
            self.sock.settimeout(self._limit)
            self._raw._original_response.close()  # noqa: SLF001 - as urllib3 does at the end of a body
            self._raw.release_conn()

    def _is_decrypted(self) -> bool:
        """Whether TLS has decrypted bytes that were not taken."""
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _feed(self, data: bytes, now: float) -> bool:
        for piece in self._decoder.feed(data):
            if not self._complete and self._taker.take(piece):
                self._complete = True
                self.silent_at = now + self._end_limit
        return self._decoder.ended

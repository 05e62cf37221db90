"""Reads the bodies of many answers in one thread, as their bytes arrive.

A thread for each answer would be woken for each token. Here one round takes what all connections have.
"""

import selectors
import socket
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from time import monotonic

from api_client.body.streamed_body import StreamedBody
from api_client.errors import Aborted

SOON_SECONDS = 0.002
"""How long the calling thread reads after the first bytes. A short answer is over then, and needs no other thread."""
FULL_SECONDS = 0.05
"""The pause before a body is read on whose taker was full."""
_WAKE = b"\0"


class BodyReader:
    """Threads begin bodies with `read`; one other thread repeats `run_round`.

    Attributes:
        batch: entered around the bytes that are taken together.
    """

    def __init__(self) -> None:
        """Open its selector."""
        self.batch: AbstractContextManager[object] = nullcontext()
        self._selector = selectors.DefaultSelector()
        self._hears, self._wakes = socket.socketpair()
        for end in (self._hears, self._wakes):
            end.setblocking(False)
        self._selector.register(self._hears, selectors.EVENT_READ)
        self._new: deque[StreamedBody] = deque()
        self._bodies: set[StreamedBody] = set()
        self._paused: set[StreamedBody] = set()
        self._check_at = float("inf")
        self._closed = False

    def read(self, body: StreamedBody) -> None:
        """Read a body to its end; the calling thread waits.

        Raises:
            Aborted: The reader is closed.
            Exception: What ended the body before.
        """
        try:
            over = self._begin(body)
        except Exception as error:  # noqa: BLE001 - `wait` raises it, unless the answer was complete
            body.end(error)
        else:
            if over:
                body.end()
            else:
                self._new.append(body)
                self.wake()
                if self._closed:
                    self._end_all()
        body.wait()

    def run_round(self, most_seconds: float) -> None:
        """Wait until bytes arrive, and take them once.

        Args:
            most_seconds: the longest wait.
        """
        ready = self._selector.select(self._wait_seconds(most_seconds))
        with self.batch:
            now = monotonic()
            for key, _ in ready:
                if key.data is None:
                    self._add_new(now)
                else:
                    self._advance(key.data, now)
            if self._paused:
                self._resume(now)
            if now >= self._check_at:
                self._check_silence(now)

    def wake(self) -> None:
        """End the wait of the round, from any thread."""
        with suppress(BlockingIOError, OSError):  # full: it will be woken; closed: no round follows
            self._wakes.send(_WAKE)

    def close(self) -> None:
        """Abort every body. Called when no further round begins."""
        self._closed = True
        self._end_all()
        self._selector.close()
        self._hears.close()
        self._wakes.close()

    def _begin(self, body: StreamedBody) -> bool:
        """Take what comes with the headers, and soon after them; returns whether the body is at its end."""
        with self.batch:
            if body.begin(monotonic()):
                return True
        until = monotonic() + SOON_SECONDS
        while (left := until - monotonic()) > 0 and body.wait_for_bytes(left):
            with self.batch:
                if body.step(monotonic()):
                    return True
        return False

    def _end_all(self) -> None:
        for body in list(self._bodies):
            self._end(body, Aborted("the reader of answers is closed"))
        while self._new:
            with suppress(IndexError):
                self._new.popleft().end(Aborted("the reader of answers is closed"))

    def _wait_seconds(self, most: float) -> float:
        if self._paused:
            most = min(most, FULL_SECONDS)
        return max(0.0, min(most, self._check_at - monotonic()))

    def _add_new(self, now: float) -> None:
        with suppress(BlockingIOError):
            self._hears.recv(4096)
        while self._new:
            body = self._new.popleft()
            self._bodies.add(body)
            body.reset_silence(now)  # its bytes may have waited for this thread: that is no silence of the host
            if self._register(body):
                if body.is_full():
                    self._pause(body)
                else:
                    self._advance(body, now)

    def _register(self, body: StreamedBody) -> bool:
        try:
            self._selector.register(body.sock, selectors.EVENT_READ, body)
        except (ValueError, KeyError, OSError) as error:  # the connection was closed meanwhile
            self._end(body, error)
            return False
        self._check_at = min(self._check_at, body.silent_at)
        return True

    def _advance(self, body: StreamedBody, now: float) -> None:
        try:
            over = body.step(now)
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits for this body
            self._end(body, error)
            return
        if over:
            self._end(body)
            return
        self._check_at = min(self._check_at, body.silent_at)  # after the last line it is sooner
        if body.is_full():
            self._pause(body)

    def _pause(self, body: StreamedBody) -> None:
        """Read no more of a body for now, whose taker is full."""
        self._selector.unregister(body.sock)
        self._paused.add(body)

    def _resume(self, now: float) -> None:
        for body in [body for body in self._paused if not body.is_full()]:
            self._paused.discard(body)
            body.reset_silence(now)
            self._register(body)

    def _check_silence(self, now: float) -> None:
        for body in [body for body in self._bodies - self._paused if body.silent_at <= now]:
            self._end(body, body.silence_error())
        self._check_at = min((body.silent_at for body in self._bodies - self._paused), default=float("inf"))

    def _end(self, body: StreamedBody, error: BaseException | None = None) -> None:
        self._bodies.discard(body)
        if body in self._paused:
            self._paused.discard(body)
        else:
            with suppress(ValueError, KeyError, OSError):
                self._selector.unregister(body.sock)
        body.end(error)

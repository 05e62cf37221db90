"""A running attempt, which the cancel channel, the timers, a drain and the event writer can stop.

`api_client/call.py` then shuts the socket down.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeVar

StopReason = Literal["cancelled", "fenced", "deadline", "draining", "unwritable"]
"""`unwritable`: one of its events cannot be written."""


class Abortable(Protocol):
    """A call of the API client that another thread can end."""

    def abort(self) -> None:
        """End it at once."""


Call = TypeVar("Call", bound=Abortable)


class AttemptStopped(Exception):
    """The attempt was stopped before its next call of Ollama."""


class Attempt:
    """Holds the reason to stop, and the call to Ollama that a stop aborts.

    Attributes:
        stopped: the first reason to stop; None while there is none.
        events: how many events it has written, once its context is closed.
        pieces: of the answer, in these events.
    """

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.events = self.pieces = 0
        self.stopped: StopReason | None = None
        self._lock = threading.Lock()
        self._call: Abortable | None = None

    def stop(self, reason: StopReason) -> None:
        """Stop the attempt; from any thread, any number of times."""
        with self._lock:
            if self.stopped is None:
                self.stopped = reason
            if self._call is not None:
                self._call.abort()

    @contextmanager
    def track_call(self, call: Call) -> Iterator[Call]:
        """Let `stop` abort this call while the block lasts.

        Raises:
            AttemptStopped: the attempt was stopped before the call began.
        """
        with self._lock:
            if self.stopped is not None:
                raise AttemptStopped(self.stopped)
            self._call = call
        try:
            yield call
        finally:
            with self._lock:
                self._call = None

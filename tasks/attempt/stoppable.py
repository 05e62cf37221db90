"""A running attempt, for those that can stop it: the cancel channel, the timers, the drain and the event writer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol, TypeVar

StopReason = Literal["cancelled", "fenced", "deadline", "draining", "unwritable"]
"""`unwritable`: one of its events cannot be written."""


class Abortable(Protocol):
    """A call of the API client that another thread can end."""

    def abort(self) -> None:
        """End it, whatever it waits for."""


Call = TypeVar("Call", bound=Abortable)


class AttemptStopped(Exception):
    """The attempt was ended before its next call of Ollama."""


class Attempt:
    """Holds whether the attempt should stop, and the call to Ollama that is aborted then.

    Attributes:
        stopped: the first reason to stop; None while there is none.
    """

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
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
    def during(self, call: Call) -> Iterator[Call]:
        """Let `stop` abort this call while the block lasts.

        Raises:
            AttemptStopped: it was stopped before the call began.
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

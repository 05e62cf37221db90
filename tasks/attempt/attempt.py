"""A running attempt, as everyone who may end it sees it: the reader of the cancel channel, the clocks, the drain."""

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
    """Whether the attempt should stop, and the call to Ollama to cut when it should.

    Attributes:
        stopped: why, once it should; the first reason stays.
    """

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.stopped: StopReason | None = None
        self._lock = threading.Lock()
        self._call: Abortable | None = None

    def stop(self, reason: StopReason) -> None:
        """End the attempt; from any thread, any number of times."""
        with self._lock:
            if self.stopped is None:
                self.stopped = reason
            if self._call is not None:
                self._call.abort()

    @contextmanager
    def during(self, call: Call) -> Iterator[Call]:
        """Let `stop` cut this call for as long as the block lasts.

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

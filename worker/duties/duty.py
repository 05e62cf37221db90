"""The base class of the duties of a worker process. The supervisor runs each in a thread of its own."""

import threading
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

Phase = Literal["quiet", "drain"]
IDLE_SECONDS = 5.0
"""The longest wait of a round that has nothing to do. It has to end, so that the duty is known to be well."""


class Duty(ABC):
    """Repeats its round until it is stopped.

    Attributes:
        name: names its thread (`llamaq-<name>`) and its failures in the metrics.
        stops_at: the phase that stops it: `quiet`, when the worker takes nothing more in, or `drain`, when the last
            attempt has ended.
        when_redis_fails: the warning that is logged when Redis fails a round.
        retry_seconds: the pause after a round that failed; it doubles while rounds fail by unexpected exceptions.
        longest_retry_seconds: the longest such pause.
        stopping: set when no further round begins.
    """

    name: ClassVar[str]
    stops_at: ClassVar[Phase] = "quiet"
    when_redis_fails: ClassVar[str] = "Redis does not answer"
    retry_seconds: ClassVar[float] = 1.0
    longest_retry_seconds: ClassVar[float] = 10.0

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._wake = threading.Event()

    @abstractmethod
    def run_round(self) -> float:
        """Do one round.

        Returns:
            Seconds to wait before the next one.
        """

    def finish(self) -> None:  # noqa: B027 - most duties have nothing to finish
        """Finish pending work. Called once, in the duty's thread, after its last round."""

    def wait(self, seconds: float) -> None:
        """Wait until the next round is due, or `wake` or `stop` is called."""
        if seconds > 0 and self._wake.wait(seconds):
            self._wake.clear()

    def wake(self) -> None:
        """Begin the next round now, from any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Begin no further round, from any thread. `finish` is called after the round that runs."""
        self.stopping.set()
        self.wake()

"""Time, sleep, ids and randomness behind one class, so that a test can replace them."""

import random
import time
import uuid


class Clock:
    """The clock of this machine. A test subclasses it to control time."""

    def time(self) -> float:
        """Seconds since the Unix epoch, for comparison with times of this machine alone: clocks differ."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences have a meaning."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        time.sleep(seconds)

    def uuid(self) -> str:
        """A new random id (UUID 4)."""
        return str(uuid.uuid4())

    def random(self) -> float:
        """A number in [0, 1), for jitter."""
        return random.random()


SYSTEM = Clock()

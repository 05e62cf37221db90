"""The one source of time, sleep, ids and randomness, so that a test can hand in its own."""

import random
import time
import uuid


class Clock:
    """The machine's own clock. Subclass it to control time in a test."""

    def time(self) -> float:
        """Seconds since the Unix epoch, by this machine. Never compared with another machine's."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for so many seconds."""
        time.sleep(seconds)

    def uuid(self) -> str:
        """A fresh random id, as `str(uuid4())`."""
        return str(uuid.uuid4())

    def random(self) -> float:
        """A number in [0, 1), for jitter."""
        return random.random()


SYSTEM = Clock()

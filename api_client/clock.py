"""The source of time of the client. `llamaq.store.clock.Clock` fits this protocol; tests pass their own."""

import random
import time
from typing import Protocol


class Clock(Protocol):
    """A source of time. It has no `sleep`, because each wait of the client must end when `abort()` is called."""

    def time(self) -> float:
        """Unix seconds."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class SystemClock:
    """The system's time and randomness."""

    def time(self) -> float:
        """Unix seconds."""
        return time.time()

    def random(self) -> float:
        """A number in [0, 1)."""
        return random.random()

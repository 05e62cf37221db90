"""The clock that the client is given. `llamaq.store.clock.Clock` has this shape; tests give their own."""

import random
import time
from typing import Protocol


class Clock(Protocol):
    """What the client needs of a clock. It has no `sleep`: a wait here must end when `abort()` is called."""

    def time(self) -> float:
        """Unix seconds."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class SystemClock:
    """The real one."""

    def time(self) -> float:
        """Unix seconds."""
        return time.time()

    def random(self) -> float:
        """A number in [0, 1)."""
        return random.random()

"""What goes wrong, and when: drawn from the seed alone, so that a run can be repeated."""

import random
from dataclasses import dataclass
from typing import Literal

What = Literal[
    "kill", "stop", "freeze", "silent", "redis_kill", "redis_shut_down", "cut", "rewind", "readonly", "clock_back",
    "clock_forward", "host_kill", "double", "garbage",
]  # fmt: skip

_WEIGHTS: dict[What, int] = {
    "kill": 4, "stop": 1, "freeze": 2, "silent": 2, "redis_kill": 2, "redis_shut_down": 1, "cut": 2, "rewind": 2,
    "readonly": 1, "clock_back": 1, "clock_forward": 1, "host_kill": 2, "double": 3, "garbage": 1,
}  # fmt: skip
_PAUSE_SECONDS = (0.3, 1.7)
_LONGEST_SECONDS: dict[What, float] = {"freeze": 9.0, "silent": 9.0, "rewind": 3.0}
_LONGEST_OUTAGE_SECONDS = 4.0
_LEAST_SECONDS = 0.1


@dataclass(frozen=True)
class Step:
    """One fault.

    Attributes:
        at: seconds after the beginning.
        what: kind of fault.
        target: chooses the worker or the host, modulo how many there are; and how wrong a clock is.
        seconds: how long it lasts, where it lasts; of a rewind, how far back it goes.
    """

    at: float
    what: What
    target: int
    seconds: float

    @property
    def clock_offset_seconds(self) -> float:
        """By how much Redis' clock is wrong: a minute to two hours."""
        offset = 60 + 7.14 * self.target
        return -offset if self.what == "clock_back" else offset


def draw(seed: int, seconds: float) -> list[Step]:
    """The faults of a run, in the order of time."""
    chance = random.Random(f"faults {seed}")
    steps: list[Step] = []
    at = chance.uniform(*_PAUSE_SECONDS)
    while at < seconds:
        (what,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        longest = _LONGEST_SECONDS.get(what, _LONGEST_OUTAGE_SECONDS)
        steps.append(Step(at, what, chance.randrange(1_000), chance.uniform(_LEAST_SECONDS, longest)))
        at += chance.uniform(*_PAUSE_SECONDS)
    return steps

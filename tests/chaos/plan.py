"""What goes wrong, and when: drawn from the seed alone, so that a run can be repeated."""

import random
from dataclasses import dataclass
from typing import Literal

What = Literal["kill", "stop", "freeze", "redis_kill", "redis_shut_down", "cut", "host_kill", "double", "garbage"]

_WEIGHTS: dict[What, int] = {
    "kill": 4, "stop": 1, "freeze": 3, "redis_kill": 2, "redis_shut_down": 1, "cut": 3, "host_kill": 2, "double": 3,
    "garbage": 1,
}  # fmt: skip
_PAUSE_SECONDS = (0.3, 1.7)
_LONGEST_OUTAGE_SECONDS = 4.0
_LONGEST_FREEZE_SECONDS = 9.0


@dataclass(frozen=True)
class Step:
    """One fault.

    Attributes:
        at: seconds after the beginning.
        what: kind of fault.
        target: chooses the worker or the host, modulo how many there are.
        seconds: how long it lasts, where it lasts.
    """

    at: float
    what: What
    target: int
    seconds: float


def draw(seed: int, seconds: float) -> list[Step]:
    """The faults of a run, in the order of time."""
    chance = random.Random(f"faults {seed}")
    steps: list[Step] = []
    at = chance.uniform(*_PAUSE_SECONDS)
    while at < seconds:
        (what,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        longest = _LONGEST_FREEZE_SECONDS if what == "freeze" else _LONGEST_OUTAGE_SECONDS
        steps.append(Step(at, what, chance.randrange(1_000), chance.uniform(0.2, longest)))
        at += chance.uniform(*_PAUSE_SECONDS)
    return steps

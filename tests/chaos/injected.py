"""What was done to the fleet, with the times, and what it excuses."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos.host_observer import Window

ACCEPT_SECONDS = 5.0
"""Within which a producer reads the answer to its submit, at the latest."""


class Moments(NamedTuple):
    """From and to, in Unix seconds of this machine."""

    begin: float
    end: float


@dataclass
class InjectedFaults:
    """What was done.

    Attributes:
        counts: faults by name.
        killed: when each killed worker died, by process id; Unix seconds.
        away: when Redis was down.
        lost: what was written to Redis in these times was lost.
        wrong_clock: when Redis' clock was wrong.
        frozen: when workers of a host could not know that they had lost their jobs; monotonic seconds.
    """

    counts: dict[str, int] = field(default_factory=dict)
    killed: dict[int, float] = field(default_factory=dict)
    away: list[Moments] = field(default_factory=list)
    lost: list[Moments] = field(default_factory=list)
    wrong_clock: list[Moments] = field(default_factory=list)
    frozen: list[Window] = field(default_factory=list)

    def was_disturbed(self, begin: float, end: float) -> bool:
        """Whether Redis was down, or its times mean nothing, in this time."""
        return any(fault.begin < end and begin < fault.end for fault in (*self.away, *self.lost, *self.wrong_clock))

    def may_be_lost(self, accepted_at: float) -> bool:
        """Whether Redis may have lost a job whose submit returned at this time."""
        return any(fault.begin <= accepted_at <= fault.end + ACCEPT_SECONDS for fault in self.lost)

    def may_have_lost_events(self, accepted_at: float, until: float) -> bool:
        """Whether Redis may have lost events of a job of this age that a reader got until this time."""
        return any(fault.begin <= until and accepted_at <= fault.end + ACCEPT_SECONDS for fault in self.lost)

    def count(self, what: str) -> None:
        """Take note of one fault."""
        self.counts[what] = self.counts.get(what, 0) + 1

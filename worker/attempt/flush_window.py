"""Decides how long events wait for those of the worker's other attempts, so that one call writes them together.

While Redis answers fast, they wait only for the call under way. A transaction takes at least `PAUSE_SECONDS`. The
window grows as all answers slow down, and with the number of jobs that run in the fleet: a wider window costs Redis
fewer calls and events. Single slow answers are those of a busy machine, where a wider window helps nobody.
"""

from collections import deque

FREE_JOBS = 200
"""Jobs that run in the fleet for which the window does not grow."""
MOST_JOBS = 1000
"""Jobs for which it has its whole width."""
SLOW_SECONDS = 0.002
"""An answer that comes later than the fastest by this time is no slow one."""
SLOWNESS = 10
"""The window is so many times what answers are slower."""
ANSWERS = 8
"""The fastest of so many answers counts."""
PAUSE_SECONDS = 0.0002
"""A transaction takes at least so long, unless events never wait for those of other attempts."""
AHEAD_SECONDS = 0.002
"""A call that goes out takes along what would be due so soon."""


class FlushWindow:
    """The window of one worker. All times are monotonic seconds.

    Attributes:
        seconds: its width.
        pause_seconds: between a transaction and the read of its reply.
        ends_at: when events are written that do not have to be written at once.
    """

    def __init__(self, most_seconds: float) -> None:
        self.seconds = 0.0
        self.ends_at = 0.0
        self.pause_seconds = min(PAUSE_SECONDS, most_seconds)
        self._most = most_seconds
        self._fastest = float("inf")
        self._answers: deque[float] = deque(maxlen=ANSWERS)

    def note_answer(self, sent_at: float, now: float, jobs: int) -> None:
        """Note that Redis has answered a call. `jobs` run in the fleet."""
        took = now - sent_at
        self._fastest = min(self._fastest, took)
        self._answers.append(took)
        slow = SLOWNESS * (min(self._answers) - self._fastest - SLOW_SECONDS)
        many = self._most * (jobs - FREE_JOBS) / (MOST_JOBS - FREE_JOBS)
        self.seconds = min(max(slow, many, 0.0), self._most)
        if self.is_over(sent_at):  # else only what was urgent was sent, and the others still wait
            self.ends_at = sent_at + self.seconds

    def is_over(self, now: float) -> bool:
        """Whether a call that goes out now takes along what is not urgent."""
        return self.ends_at <= now + AHEAD_SECONDS

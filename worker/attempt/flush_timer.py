"""Decides when the next call of Redis for one attempt is due: to write its events, or to renew its lease."""

RETRY_SECONDS = 0.2
RENEW_SECONDS = 1.0
"""A write also renews the lease, unless it was renewed within this time. Then it goes by a transaction, which does not
tell the record how far the answer is: that follows with a renewal, at the latest after twice this time."""
LATE_SECONDS = 0.04
"""So late a token may be written without a delay of those behind it, which come in time."""


class FlushTimer:
    """The timer of one attempt. All times are monotonic seconds.

    Events are written, by the first rule that applies:

    1. after a write that Redis did not take: `RETRY_SECONDS` later;
    2. at once, when they are `urgent`: the first piece of an answer, progress, and the rest at the end;
    3. when the attempt's flush window is over, and the shared one of the worker (`flush_window`).

    The lease is renewed after a third of its time, with a write or alone; sooner where the record is `behind`.

    Attributes:
        behind: whether the record does not tell yet how far the answer is.
        joins: whether deltas are joined; with a flush window of 0 each is an event of its own.
        urgent: whether pending events do not wait for the flush window.
        renewing: whether the call under way renews the lease.
    """

    __slots__ = (
        "_flush",
        "_lease",
        "_renewed_at",
        "_retry_at",
        "_window_ends_at",
        "behind",
        "joins",
        "renewing",
        "urgent",
    )

    def __init__(self, flush_seconds: float, lease_seconds: float, now: float) -> None:
        self.joins = flush_seconds > 0
        self.behind = False
        self.urgent = False
        self.renewing = False
        self._flush = flush_seconds
        self._lease = lease_seconds
        self._window_ends_at = now
        self._retry_at = 0.0
        self._renewed_at = now

    def write_due_at(self, shared_window_ends_at: float) -> float:
        """When pending events are due."""
        if self._retry_at:
            return self._retry_at
        if self.urgent:
            return 0.0
        # A write may come one window early. Otherwise tokens that come about once a window would be joined in pairs,
        # each pair a whole window late.
        return max(self._window_ends_at - self._flush - LATE_SECONDS, shared_window_ends_at)

    def renewal_due_at(self) -> float:
        """When a renewal of the lease is due, with events or without."""
        seconds = self._lease / 3
        return max(self._renewed_at + (min(seconds, 2 * RENEW_SECONDS) if self.behind else seconds), self._retry_at)

    def note_sent(self, now: float) -> None:
        """Note that a call goes out: the next flush window begins."""
        self._window_ends_at = max(self._window_ends_at, now) + self._flush
        self.renewing = self._renewed_at + min(RENEW_SECONDS, self._lease / 3) <= now

    def note_refused(self, now: float) -> None:
        """Note that Redis did not take the call."""
        self._retry_at = now + RETRY_SECONDS

    def note_confirmed(self, now: float) -> None:
        """Note that Redis took the call."""
        self._retry_at = 0.0
        self.behind = not self.renewing
        if self.renewing:
            self._renewed_at = now

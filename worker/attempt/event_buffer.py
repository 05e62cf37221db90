"""The events of one attempt, joined until the event writer writes them."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from llamaq.store.clock import Clock
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.vocabulary.wire import dumps, members
from tasks.attempt.stoppable import Attempt
from worker.attempt.flush_timer import FlushTimer

MOST_PENDING_CHARS = 8_000_000
"""Held while Redis is away. An attempt that writes more waits, and Ollama with it."""
NumberedEvent = tuple[int, str, str]
"""A flush's number, the event's type, and its JSON members. The number makes one that is sent twice count once."""


class PendingEvent:
    """A delta that may still grow, or, with `fields`, a progress event."""

    __slots__ = ("fields", "text", "thinking", "tool_calls")

    def __init__(self, fields: dict[str, Any] | None = None) -> None:
        self.fields = fields
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[Any] = []

    def formatted(self) -> tuple[str, str]:
        """The event's type, and its JSON members."""
        if self.fields is not None:
            return "progress", members(**self.fields)
        text, thinking = "".join(self.text), "".join(self.thinking)
        return "delta", members(text=text or None, thinking=thinking or None, tool_calls=self.tool_calls or None)


class EventBuffer:
    """One thread adds events; the event writer's thread takes them. The writer's lock guards all of it.

    Attributes:
        timer: when the next call of Redis is due.
        lease: the attempt's member in the sorted set of leases.
        first_at: monotonic time of the first piece of the answer; None before there is one.
        sending: the events of the call under way.
        revoked: whether no more events are wanted: the attempt is over, or the writer has ended.
    """

    def __init__(
        self,
        job: ClaimedJob,
        attempt: Attempt,
        timer: FlushTimer,
        clock: Clock,
        changed: threading.Condition,
        due: Callable[["EventBuffer"], None],
        closed: Callable[["EventBuffer"], None],
        *,
        silent: bool,
    ) -> None:
        """Make it.

        Args:
            job: whose events they are.
            attempt: stops the wait of `delta`.
            timer: of this attempt.
            clock: gives the time.
            changed: the writer's lock, which is notified after each write.
            due: called, with the lock held, when there are events to write.
            closed: called, with the lock held, when no more will come.
            silent: whether deltas are left out.
        """
        self.job = job
        self.attempt = attempt
        self.timer = timer
        self.lease = f"{job.id} {job.host}"
        self.first_at: float | None = None
        self.sending: list[NumberedEvent] = []
        self.revoked = False
        self._clock = clock
        self._changed = changed
        self._due = due
        self._closed = closed
        self._silent = silent
        self._pending: deque[PendingEvent] = deque()
        self._pending_chars = 0
        self._numbered = 0

    def delta(self, text: str = "", thinking: str = "", tool_calls: list[Any] | None = None) -> None:
        """Add a piece of the answer. Waits while far too much is unwritten.

        Raises:
            ValueError: `tool_calls` hold a number that JSON cannot carry.
        """
        first = self.first_at is None
        if first:
            self.first_at = self._clock.monotonic()
        if self._silent:
            return
        if tool_calls:
            dumps(tool_calls)  # what is not JSON (1e999) is an error of this call, not of the writer
        with self._changed:
            while self._pending_chars > MOST_PENDING_CHARS and not (self.revoked or self.attempt.stopped):
                self._changed.wait(1)  # a stop does not notify
            event = self._growing()
            if text:
                event.text.append(text)
            if thinking:
                event.thinking.append(thinking)
            if tool_calls:
                event.tool_calls += tool_calls
            self._pending_chars += len(text) + len(thinking)
            if first:
                self.timer.urgent = True
            self._due(self)

    def progress(self, stage: str, **numbers: Any) -> None:
        """Add a progress event."""
        with self._changed:
            self._pending.append(PendingEvent({"stage": stage, **numbers}))
            self.timer.urgent = True
            self._due(self)

    def close(self) -> None:
        """Wait until every event is written, or no more are wanted. The lease is renewed no longer."""
        with self._changed:
            while not self.idle and not self.revoked:
                if not self.sending:  # else the writer would find it due with nothing left to write
                    self.timer.urgent = True
                    self._due(self)
                self._changed.wait()
            self._closed(self)

    @property
    def idle(self) -> bool:
        """Whether no event waits to be written."""
        return not self._pending and not self.sending

    def take(self) -> None:
        """Move what is pending to `sending`, with the lock held.

        Events that are being sent again go first: what came meanwhile stays pending, where it is counted.
        """
        if self.sending:
            return
        while self._pending:
            self.sending.append((self._numbered + 1, *self._pending.popleft().formatted()))
            self._numbered += 1
        self._pending_chars = 0
        self.timer.urgent = False

    def drop(self) -> None:
        """Forget what was not written, with the lock held: a newer attempt writes now, or the job has ended."""
        self.revoked = True
        self._pending.clear()
        self.sending.clear()
        self._pending_chars = 0

    def _growing(self) -> PendingEvent:
        if not self.timer.joins or not self._pending or self._pending[-1].fields is not None:
            self._pending.append(PendingEvent())
        return self._pending[-1]

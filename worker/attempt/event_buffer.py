"""The events of one attempt that the event writer has not written yet."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from llamaq.store.clock import Clock
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import NumberedEvent, Place
from llamaq.vocabulary.wire import dump_members, dumps
from tasks.attempt.stoppable import Attempt
from worker.attempt.flush_timer import FlushTimer

MOST_PENDING_CHARS = 8_000_000
"""What a buffer holds while Redis is away. With more in it, the attempt stops reading Ollama's answer."""


class PendingEvent:
    """A delta that may still grow, or, with `fields`, a progress event."""

    __slots__ = ("fields", "logprobs", "text", "thinking", "tool_calls")

    def __init__(self, fields: dict[str, Any] | None = None) -> None:
        self.fields = fields
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[Any] | None = None
        self.logprobs: list[Any] | None = None

    def format(self) -> tuple[str, str]:
        """Give the event's type, and its JSON members."""
        if self.fields is not None:
            return "progress", dump_members(**self.fields)
        text = "".join(self.text)
        if not (self.thinking or self.tool_calls or self.logprobs):
            return "delta", f'"text":{dumps(text)}'
        thinking = "".join(self.thinking)
        lists = {"tool_calls": self.tool_calls, "logprobs": self.logprobs}
        return "delta", dump_members(text=text or None, thinking=thinking or None, **lists)


class EventBuffer:
    """One thread adds events; the event writer's thread takes them. The event writer's lock guards the buffer.

    Attributes:
        timer: says when the next call of Redis is due.
        lease: the attempt's member in the sorted set of leases.
        first_at: monotonic time of the first piece of the answer; None before there is one.
        sending: the events of the call under way.
        place: the end of its log; None where it is not known.
        pieces: how many pieces of the answer were taken to be written, as Ollama sent them: mostly tokens.
        numbered: how many events were taken to be written.
        revoked: whether events are discarded: the attempt has lost its job, or the event writer has stopped.
    """

    def __init__(
        self,
        job: ClaimedJob,
        attempt: Attempt,
        timer: FlushTimer,
        clock: Clock,
        changed: threading.Condition,
        on_due: Callable[["EventBuffer"], None],
        on_close: Callable[["EventBuffer"], None],
        *,
        silent: bool,
    ) -> None:
        """Create the buffer.

        Args:
            job: whose events they are.
            attempt: stops the wait of `delta`.
            timer: of this attempt.
            clock: gives the time.
            changed: the writer's lock, which is notified after each write.
            on_due: called, with the lock held, when there are events to write.
            on_close: called, with the lock held, when no more will come.
            silent: whether deltas are discarded.
        """
        self.job = job
        self.attempt = attempt
        self.timer = timer
        self.lease = f"{job.id} {job.host}"
        self.first_at: float | None = None
        self.sending: list[NumberedEvent] = []
        self.place: Place | None = None
        self.revoked = False
        self._clock = clock
        self._changed = changed
        self._on_due = on_due
        self._on_close = on_close
        self._silent = silent
        self._pending: deque[PendingEvent] = deque()
        self._pending_chars = 0
        self._added = self.pieces = 0
        self.numbered = 0

    def is_full(self) -> bool:
        """Whether more than `MOST_PENDING_CHARS` wait to be written, and no more of the answer should be read."""
        return self._pending_chars > MOST_PENDING_CHARS and not (self.revoked or self.attempt.stopped)

    def delta(
        self,
        text: str = "",
        thinking: str = "",
        tool_calls: list[Any] | None = None,
        logprobs: list[Any] | None = None,
    ) -> None:
        """Add a piece of the answer.

        Raises:
            ValueError: `tool_calls` or `logprobs` hold a number that JSON cannot carry.
        """
        first = self.first_at is None
        if first:
            self.first_at = self._clock.monotonic()
        if self._silent:
            return
        if tool_calls or logprobs:
            dumps([tool_calls, logprobs])  # what is not JSON (1e999) is an error of this call, not of the writer
        with self._changed:
            event = self._open_delta()
            self._added += 1
            if text:
                event.text.append(text)
            if thinking:
                event.thinking.append(thinking)
            if tool_calls:
                event.tool_calls = event.tool_calls or []
                event.tool_calls += tool_calls
            if logprobs:
                event.logprobs = event.logprobs or []
                event.logprobs += logprobs
            self._pending_chars += len(text) + len(thinking)
            if first:
                self.timer.urgent = True
            self._on_due(self)

    def progress(self, stage: str, **numbers: Any) -> None:
        """Add a progress event."""
        with self._changed:
            self._pending.append(PendingEvent({"stage": stage, **numbers}))
            self.timer.urgent = True
            self._on_due(self)

    def close(self) -> None:
        """Wait until every event is written or discarded, and stop renewing the lease."""
        with self._changed:
            while not self.idle and not self.revoked:
                if not self.sending:  # the call under way may write the last event: another would have none
                    self.timer.urgent = True
                    self._on_due(self)
                self._changed.wait()
            self._on_close(self)

    @property
    def idle(self) -> bool:
        """Whether no event waits to be written."""
        return not self._pending and not self.sending

    def take(self) -> None:
        """Move what is pending to `sending`, with the lock held.

        Events that are sent again go alone. Later ones stay pending, where `delta` counts them.
        """
        if self.sending:
            return
        while self._pending:
            self.sending.append((self.numbered + 1, *self._pending.popleft().format()))
            self.numbered += 1
        self._pending_chars = 0
        self.pieces = self._added
        self.timer.urgent = False

    def drop(self) -> None:
        """Discard what was not written and all that follows, with the lock held."""
        self.revoked = True
        self._pending.clear()
        self.sending.clear()
        self._pending_chars = 0

    def _open_delta(self) -> PendingEvent:
        if not self.timer.joins or not self._pending or self._pending[-1].fields is not None:
            self._pending.append(PendingEvent())
        return self._pending[-1]

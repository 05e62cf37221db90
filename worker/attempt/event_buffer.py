"""What one attempt has to say, joined until the scribe writes it down."""

from collections import deque
from typing import TYPE_CHECKING, Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.vocabulary.wire import dumps, members
from tasks.attempt.attempt import Attempt

if TYPE_CHECKING:
    from worker.attempt.event_writer import EventWriter

MOST_PENDING_CHARS = 8_000_000
"""Held while Redis is away; an attempt that has more to say waits, and with it Ollama."""


class Entry:
    """One event to be: a delta that still grows, or one that says `words`."""

    __slots__ = ("text", "thinking", "tool_calls", "words")

    def __init__(self, words: dict[str, Any] | None = None) -> None:
        self.words = words
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tool_calls: list[Any] = []

    def written(self) -> tuple[str, str]:
        """The event's type, and its own JSON members."""
        if self.words is not None:
            return "progress", members(**self.words)
        text, thinking = "".join(self.text), "".join(self.thinking)
        return "delta", members(text=text or None, thinking=thinking or None, tool_calls=self.tool_calls or None)


class EventBuffer:
    """The events of one attempt: one thread speaks, the scribe's writes. The scribe's lock guards all of it.

    Attributes:
        first_at: monotonic time of the first piece of the answer, once there was one.
        sending: events on their way: number, type and JSON members. The number makes one that is sent twice count once.
        renewed_at: monotonic time at which Redis last confirmed the lease.
        renewing: whether what is on its way renews it.
        next_at: monotonic time up to which the flush windows are used up; see `EventWriter`.
        retry_at: monotonic time before which what Redis did not take is not sent again; 0 where it took all.
        urgent: whether what is pending should not wait for the flush window.
        revoked: whether Redis said that nobody wants more.
    """

    def __init__(self, job: ClaimedJob, attempt: Attempt, scribe: "EventWriter", silent: bool, now: float) -> None:
        self.job = job
        self.attempt = attempt
        self.lease = f"{job.id} {job.host}"
        self.first_at: float | None = None
        self.sending: list[tuple[int, str, str]] = []
        self.renewed_at = now
        self.renewing = False
        self.next_at = now
        self.retry_at = 0.0
        self.urgent = False
        self.revoked = False
        self._scribe = scribe
        self._silent = silent
        self._pending: deque[Entry] = deque()
        self._pending_chars = 0
        self._numbered = 0

    def delta(self, text: str = "", thinking: str = "", tool_calls: list[Any] | None = None) -> None:
        """A piece of the answer. Waits while far too much is unwritten.

        Raises:
            ValueError: `tool_calls` hold a number that JSON cannot carry.
        """
        first = self.first_at is None
        if first:
            self.first_at = self._scribe.now()
        if self._silent:
            return
        if tool_calls:
            # Refused here it ends this attempt; what is not JSON (1e999) would end the scribe, and with it every job.
            dumps(tool_calls)
        with self._scribe.changed:
            while self._pending_chars > MOST_PENDING_CHARS and not (self.revoked or self.attempt.stopped):
                self._scribe.changed.wait(1)  # a stop does not notify
            entry = self._growing()
            if text:
                entry.text.append(text)
            if thinking:
                entry.thinking.append(thinking)
            if tool_calls:
                entry.tool_calls += tool_calls
            self._pending_chars += len(text) + len(thinking)
            self.urgent = self.urgent or first
            self._scribe.due(self)

    def progress(self, stage: str, **numbers: Any) -> None:
        """A word on what goes on."""
        with self._scribe.changed:
            self._pending.append(Entry({"stage": stage, **numbers}))
            self.urgent = True
            self._scribe.due(self)

    def close(self) -> None:
        """Wait until everything is written, or nobody wants it any more. The lease is renewed no longer."""
        self._scribe.finish(self)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._pending and not self.sending

    def take(self) -> None:
        """Move what is pending to `sending`. With the scribe's lock held."""
        while self._pending:
            self._numbered += 1
            self.sending.append((self._numbered, *self._pending.popleft().written()))
        self._pending_chars = 0
        self.urgent = False

    def drop(self) -> None:
        """Forget what was not written: a newer attempt speaks now, or the job has ended. With the lock held."""
        self.revoked = True
        self._pending.clear()
        self.sending.clear()
        self._pending_chars = 0

    def _growing(self) -> Entry:
        if not self._scribe.joins or not self._pending or self._pending[-1].words is not None:
            self._pending.append(Entry())
        return self._pending[-1]

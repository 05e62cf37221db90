"""Writes the events of all attempts of a worker in one thread, and renews their leases.

`EventBuffer.delta` makes events of the pieces of an answer. `AttemptLogs` makes them entries of the log. While Redis
does not take the events of an attempt, they are kept and sent again.

The flushes of all attempts go out in one call. What comes meanwhile goes with the next one: under load batches form by
themselves. `flush_timer` decides when the flush of an attempt is due, and `flush_window` how long it waits for others.
"""

import threading
from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError

from llamaq.store.clock import Clock
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.worker.attempt_logs import AttemptLogs
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import Flush, Written
from tasks.attempt.stoppable import Attempt, StopReason
from worker.attempt.event_buffer import EventBuffer
from worker.attempt.flush_timer import FlushTimer
from worker.attempt.flush_window import AHEAD_SECONDS, FlushWindow
from worker.duties.duty import Duty
from worker.telemetry.throttled_warning import ThrottledWarning

IDLE_SECONDS = 1.0
"""The longest round without a call that is due: a round has to end, so that the writer is known to be well."""
LONGEST_PAUSE_SECONDS = 0.01
"""The longest pause of the thread that reads the answers."""
_STOPS: dict[str, StopReason] = {"CANCELLED": "cancelled", "FENCED": "fenced", "GAP": "fenced"}
"""What the answers mean for the attempt. GAP: Redis lacks events that it has confirmed, because a restart lost its last
second. No reader can get the whole text of this attempt any more, so it ends as a fenced one does."""
_log = structlog.get_logger(__name__)


class EventWriter(Duty):
    """The duty that writes the event buffers of one worker.

    Attributes:
        changed: the lock of every buffer. It is notified after each write, for those that wait for their last event.
    """

    name = "event-writer"
    stops_at = "drain"
    retry_seconds = 0.2
    longest_retry_seconds = 1.0

    def __init__(
        self,
        client: Client,
        keys: Keys,
        clock: Clock,
        flush_seconds: float,
        lease_seconds: float,
        most_flush_seconds: float = 0,
    ) -> None:
        """Create the writer.

        Args:
            client: answers in text.
            keys: of the fleet.
            clock: gives the time.
            flush_seconds: the flush window of each attempt; with 0 each piece is an event, and none waits.
            lease_seconds: how long an attempt may be silent.
            most_flush_seconds: the most that events wait for those of other attempts.
        """
        super().__init__()
        lock = threading.RLock()
        self.changed = threading.Condition(lock)
        self._wake_condition = threading.Condition(lock)  # wakes this duty's thread, which a write must not
        self._clock = clock
        self._flush = flush_seconds
        self._lease = lease_seconds
        self._warning = ThrottledWarning("events of running jobs are held: Redis does not take them", clock)
        self._open: set[EventBuffer] = set()
        self._dirty: set[EventBuffer] = set()
        self._window = FlushWindow(most_flush_seconds if flush_seconds else 0)
        self._logs = AttemptLogs(client, keys, lease_seconds, clock, self._window.pause_seconds)
        self._wakes_at = 0.0
        self._renew_at = 0.0
        self._writing = threading.Lock()
        self._batching: set[int] = set()
        self._refused = False
        self._failure: Exception | None = None

    def open(self, job: ClaimedJob, attempt: Attempt, *, silent: bool) -> EventBuffer:
        """Open a buffer, whose lease is renewed from now on. A silent one discards deltas."""
        timer = FlushTimer(self._flush, self._lease, self._clock.monotonic())
        buffer = EventBuffer(
            job, attempt, timer, self._clock, self.changed, self._mark_due, self._forget, silent=silent
        )
        with self.changed:
            self._open.add(buffer)
            if self.stopping.is_set():
                buffer.drop()
        return buffer

    def __enter__(self) -> None:
        """Begin a batch: what this thread adds until its end is written together, by this thread where it can."""
        self._batching.add(threading.get_ident())

    def __exit__(self, *_: object) -> None:
        self._batching.discard(threading.get_ident())
        if not self._dirty:
            return
        # While another thread writes, it takes these events along with the next call.
        if not self._refused and self._writing.acquire(blocking=False):
            try:
                self._write_due()
            except Exception as error:  # noqa: BLE001 - raised in this duty's round, where it is logged and counted
                self._failure = error
            finally:
                self._writing.release()
        with self.changed:
            self._wake_thread()

    def pause_seconds(self) -> float:
        """How long a thread that reads for all attempts may wait, because nothing that it reads is written sooner."""
        return min(max(self._window.ends_at - self._clock.monotonic(), 0.0), LONGEST_PAUSE_SECONDS)

    def run_round(self) -> float:
        """Wait until calls may be due, and send them once."""
        due = self._wait()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        with self._writing:
            if due:
                self._write_due()
            elif not self._open:
                self._logs.release()
        return 0

    def finish(self) -> None:
        """Give the connection back."""
        with self._writing:
            self._logs.release()

    def _write_due(self) -> None:
        batch = self._gather()
        if batch:
            try:
                self._write(batch)
            except BaseException:
                with self.changed:
                    for buffer in batch:
                        self._hold(buffer)
                raise

    def stop(self) -> None:
        """Stop writing. Open buffers discard their events, and their leases expire."""
        super().stop()
        with self.changed:
            for buffer in self._open:
                buffer.drop()
            self.changed.notify_all()
            self._wake_condition.notify()

    def _mark_due(self, buffer: EventBuffer) -> None:
        self._dirty.add(buffer)
        if threading.get_ident() not in self._batching:
            self._wake_thread()

    def _wake_thread(self) -> None:
        """Wake the thread of this duty, where a call is due before it would wake by itself."""
        if self._wakes_at and self._next_write_at() < self._wakes_at:
            self._wakes_at = 0.0  # one notification is enough
            self._wake_condition.notify()

    def _forget(self, buffer: EventBuffer) -> None:
        self._open.discard(buffer)
        self._dirty.discard(buffer)

    def _wait(self) -> bool:
        """Wait until a call may be due; returns whether one is."""
        with self.changed:
            now = self._clock.monotonic()
            wakes_at = self._next_wake_at(now)
            if wakes_at > now and not self.stopping.is_set():
                self._wakes_at = wakes_at
                self._wake_condition.wait(wakes_at - now)
                self._wakes_at = 0.0
                return False
            return not self.stopping.is_set()

    def _gather(self) -> list[EventBuffer]:
        """Move the events of buffers whose calls are due to `sending`."""
        with self.changed:
            if self.stopping.is_set():
                return []
            now = self._clock.monotonic()
            due = self._find_due(now)
            batch = [buffer for buffer in due if self._take(buffer, now)]
            if any(buffer.timer.renewing for buffer in batch):
                # All attempts renew in one call, because most of a small one's cost is the call.
                also = [buffer for buffer in self._open - due if buffer.timer.behind and not buffer.sending]
                for buffer in (*batch, *also):
                    buffer.timer.renewing = True
                batch += also
            return batch

    def _find_due(self, now: float) -> set[EventBuffer]:
        due = self._find_renewals(now) if self._renew_at <= now else set()
        ends_at = self._window.ends_at
        times = [(buffer.timer.write_due_at(ends_at), buffer) for buffer in self._dirty]
        if any(at <= now for at, _ in times):
            due.update(buffer for at, buffer in times if at <= now + AHEAD_SECONDS)
        return due

    def _find_renewals(self, now: float) -> set[EventBuffer]:
        """Find the buffers whose leases must be renewed. All are looked at, so no more often than one may be due."""
        due = {buffer for buffer in self._open if buffer.timer.renewal_due_at() <= now}
        latest = now + min(IDLE_SECONDS, self._lease / 3)
        self._renew_at = min((buffer.timer.renewal_due_at() for buffer in self._open - due), default=latest)
        self._renew_at = min(self._renew_at, latest)
        return due

    def _next_write_at(self) -> float:
        ends_at = self._window.ends_at
        return min((buffer.timer.write_due_at(ends_at) for buffer in self._dirty), default=float("inf"))

    def _next_wake_at(self, now: float) -> float:
        return min(self._next_write_at(), self._renew_at, now + IDLE_SECONDS)

    def _take(self, buffer: EventBuffer, now: float) -> bool:
        """Move a buffer's events to `sending`. Where they cannot be formatted, only this attempt is stopped."""
        self._dirty.discard(buffer)
        try:
            buffer.take()
        except Exception:  # noqa: BLE001 - the events of the other attempts must be written all the same
            _log.exception("the events of an attempt cannot be formatted", job_id=buffer.job.id)
            self._revoke(buffer, "unwritable")
            self.changed.notify_all()
            return False
        buffer.timer.note_sent(now)
        return True

    def _write(self, batch: Sequence[EventBuffer]) -> None:
        """Send all flushes together. What Redis does not take of one is sent again later, and delays no other."""
        flushes = [_make_flush(buffer) for buffer in batch]
        sent_at, answered = self._clock.monotonic(), True
        try:
            written = self._logs.write(flushes)
        except (RedisError, OSError) as error:
            written, answered = [Written(error)] * len(flushes), False
        with self.changed:
            now = self._clock.monotonic()
            if answered:
                self._window.note_answer(sent_at, now, self._logs.jobs)
            held = [self._settle(buffer, outcome, now) for buffer, outcome in zip(batch, written, strict=True)]
            failures = [error for error in held if error is not None]
            self._refused = bool(failures)
            self.changed.notify_all()
        self._warn(failures)

    def _warn(self, failures: Sequence[Exception]) -> None:
        if failures:
            self._warning.warn(failures[0])
        else:
            self._warning.reset()

    def _settle(self, buffer: EventBuffer, written: Written, now: float) -> Exception | None:
        """Act on the outcome of a flush, with the lock held; returns the error for which its events are held."""
        word, buffer.place = written
        if isinstance(word, Exception):
            self._hold(buffer)
            return word
        buffer.timer.note_confirmed(now)
        buffer.sending.clear()
        if word != "OK":
            self._revoke(buffer, _STOPS[word])
        elif not buffer.idle:
            self._mark_dirty(buffer)
        return None

    def _hold(self, buffer: EventBuffer) -> None:
        buffer.timer.note_refused(self._clock.monotonic())
        self._mark_dirty(buffer)

    def _mark_dirty(self, buffer: EventBuffer) -> None:
        if buffer in self._open:  # a buffer that was closed meanwhile must not renew its lease
            self._dirty.add(buffer)

    def _revoke(self, buffer: EventBuffer, reason: StopReason) -> None:
        if not buffer.revoked:
            buffer.drop()
            buffer.attempt.stop(reason)


def _make_flush(buffer: EventBuffer) -> Flush:
    # A copy, because another thread may discard what is sent.
    events = tuple(buffer.sending)
    renews = buffer.timer.renewing or not events
    return Flush(buffer.job, buffer.lease, renews=renews, events=events, pieces=buffer.pieces, place=buffer.place)

"""The one thread that writes down what all attempts of a worker say, and keeps their leases.

Appends of all attempts go out in one pipeline: 16 in one cost about a fifth each of one alone. The first piece of an
answer is written at once; later ones of the same attempt wait until its flush window is over, and then for at most
`GATHER_SECONDS`, so that those of other attempts come along.
"""

import logging
import threading
from collections.abc import Sequence
from itertools import islice

from redis.exceptions import RedisError, ResponseError

from llamaq.store import scripts
from llamaq.store.clock import Clock
from llamaq.store.connection import Call, Client, run_many
from llamaq.store.keys import Keys
from llamaq.store.worker.claimed_job import ClaimedJob
from tasks.attempt.attempt import Attempt, StopReason
from worker.attempt.event_buffer import EventBuffer

GATHER_SECONDS = 0.002
RETRY_SECONDS = 0.2
RENEW_SECONDS = 1.0
_STOPS: dict[object, StopReason] = {"CANCELLED": "cancelled", "FENCED": "fenced"}
_log = logging.getLogger(__name__)


class EventWriter:
    """Writes the transcripts of one worker.

    Attributes:
        changed: the lock over every transcript, and what the thread waits on.
        joins: whether deltas are joined at all; with a flush window of 0 each is an event.
    """

    def __init__(self, client: Client, keys: Keys, clock: Clock, flush_seconds: float, lease_seconds: float) -> None:
        self.changed = threading.Condition()
        self._client = client
        self._keys = keys
        self._clock = clock
        self._flush = flush_seconds
        self.joins = flush_seconds > 0
        self._lease = lease_seconds
        self._open: set[EventBuffer] = set()
        self._dirty: set[EventBuffer] = set()
        self._wakes_at = 0.0
        self._wrote_at = 0.0
        self._closed = False
        self._append = scripts.load("append")
        self._renew = scripts.load("renew")
        self._thread = threading.Thread(target=self._run, name="llamaq-scribe", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def open(self, job: ClaimedJob, attempt: Attempt, *, silent: bool) -> EventBuffer:
        """Begin a transcript; from here on its lease is kept. A silent one writes no deltas."""
        transcript = EventBuffer(job, attempt, self, silent, self.now())
        with self.changed:
            self._open.add(transcript)
            self.changed.notify_all()
        return transcript

    def due(self, transcript: EventBuffer) -> None:
        """Take note that a transcript has something to say. With the lock held."""
        self._dirty.add(transcript)
        if self._due_at(transcript) < self._wakes_at:
            self._wakes_at = 0.0  # one call is enough to wake it
            self.changed.notify_all()

    def finish(self, transcript: EventBuffer) -> None:
        """Write what is left of a transcript, and keep its lease no longer."""
        with self.changed:
            while not transcript.idle and not transcript.revoked and not self._closed:
                if not transcript.sending:  # else the scribe would find it due, with nothing left to say
                    transcript.urgent = True
                    self.due(transcript)
                self.changed.wait()
            self._open.discard(transcript)
            self._dirty.discard(transcript)

    def close(self) -> None:
        """End the thread. Transcripts still open lose their leases in time."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._gather():
            self._write(batch)

    def _gather(self) -> list[EventBuffer]:
        """Wait for transcripts that are due, with what each has to say in `sending`; none at the end."""
        with self.changed:
            while not self._closed:
                now = self.now()
                batch = [t for t in self._dirty if self._due_at(t) <= now] or self._lapsing(now)
                if batch:
                    # Once awake, take along what would be due at the next wake-up.
                    batch += [t for t in self._dirty if t not in batch and self._due_at(t) <= now + GATHER_SECONDS]
                    for transcript in batch:
                        self._take(transcript, now)
                    return batch
                self._wakes_at = min(
                    [self._due_at(t) for t in self._dirty] + [self._lapses_at(t) for t in self._open],
                    default=now + 3600,
                )
                self.changed.wait(self._wakes_at - now)
        return []

    def _due_at(self, transcript: EventBuffer) -> float:
        if transcript.retry_at:
            return transcript.retry_at
        if transcript.urgent:
            return 0.0
        # One window may be used ahead: tokens that come about as fast as the windows would else be joined two by two,
        # each pair a whole window late.
        return max(transcript.next_at - self._flush, self._wrote_at + GATHER_SECONDS)

    def _take(self, transcript: EventBuffer, now: float) -> None:
        if not transcript.sending:  # else it goes out again: what was said meanwhile stays pending, where it is counted
            transcript.take()
        transcript.next_at = max(transcript.next_at, now) + self._flush
        transcript.renewing = transcript.renewed_at + min(RENEW_SECONDS, self._lease / 3) <= now
        self._dirty.discard(transcript)

    def _lapsing(self, now: float) -> list[EventBuffer]:
        return [transcript for transcript in self._open if self._lapses_at(transcript) <= now]

    def _lapses_at(self, transcript: EventBuffer) -> float:
        return max(transcript.renewed_at + self._lease / 3, transcript.retry_at)

    def _write(self, batch: Sequence[EventBuffer]) -> None:
        """Send a batch once. What Redis did not take goes out again later, and keeps nobody else waiting."""
        calls = {transcript: self._calls(transcript) for transcript in batch}
        try:
            answers = run_many(self._client, [call for each in calls.values() for call in each])
        except (RedisError, OSError) as error:
            answers = [error] * sum(map(len, calls.values()))
        with self.changed:
            self._wrote_at = self.now()
            following = iter(answers)
            held = [self._settle(each, list(islice(following, len(calls[each])))) for each in batch]
            self.changed.notify_all()
        failures = [error for error in held if error is not None]
        if failures:
            what = "Redis does not take the events of %d running jobs (%s); they are held"
            _log.warning(what, len(failures), failures[0])

    def _calls(self, transcript: EventBuffer) -> list[Call]:
        job = transcript.job
        record, log, leases = self._keys.record(job.id), self._keys.events(job.id), self._keys.leases()
        if not transcript.sending:
            return [Call(self._renew, [transcript.lease, job.fence, self._lease], [record, leases])]
        lease = self._lease if transcript.renewing else ""
        around = (transcript.lease, job.fence)
        return [
            Call(self._append, [*around, number, lease, kind, job.attempt, words], [record, log, leases])
            for number, kind, words in transcript.sending
        ]

    def _settle(self, transcript: EventBuffer, answers: Sequence[object]) -> Exception | None:
        """Take the answers of one transcript to heart; the error for which it is held. With the lock held."""
        # The first that counts: behind an event that was not written come others that could not be.
        answer = next((answer for answer in answers if answer != "OK"), "OK")
        if isinstance(answer, Exception) and not _forgotten(answers[0]):
            transcript.retry_at = self._wrote_at + RETRY_SECONDS
            self._keep(transcript)
            return answer
        transcript.retry_at = 0.0
        transcript.sending.clear()
        if answer == "OK":
            transcript.renewed_at = self._wrote_at if transcript.renewing else transcript.renewed_at
            if not transcript.idle:
                self._keep(transcript)
        elif not transcript.revoked:
            transcript.drop()
            transcript.attempt.stop(_STOPS.get(answer, "fenced"))
        return None

    def _keep(self, transcript: EventBuffer) -> None:
        if transcript in self._open:  # one that was closed on the way keeps no lease any more
            self._dirty.add(transcript)


def _forgotten(answer: object) -> bool:
    """Whether Redis says that it does not have what it has confirmed: a restart lost its last second.

    No reader could get the whole text of this attempt any more, so it ends like a fenced one, and its lease with it.
    """
    return isinstance(answer, ResponseError) and "GAP" in str(answer)

"""The one thread that writes down what all attempts of a worker say, and keeps their leases.

Appends of all attempts go out in one pipeline: 16 in one cost about a fifth each of one alone. The first piece of an
answer is written at once; later ones of the same attempt wait until its flush window is over, and then for at most
`GATHER_SECONDS`, so that those of other attempts come along.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from redis.exceptions import RedisError

from llamaq import scripts
from llamaq.clock import Clock
from llamaq.connection import Call, Client, run_many
from llamaq.keys import Keys
from tasks.attempt import Attempt, StopReason
from tasks.job import ClaimedJob
from tasks.transcript import Transcript

LUA = Path(__file__).parent / "lua"
GATHER_SECONDS = 0.002
RETRY_SECONDS = 0.2
RENEW_SECONDS = 1.0
_STOPS: dict[object, StopReason] = {"CANCELLED": "cancelled", "FENCED": "fenced"}
_log = logging.getLogger(__name__)


class Scribe:
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
        self._open: set[Transcript] = set()
        self._dirty: set[Transcript] = set()
        self._wakes_at = 0.0
        self._wrote_at = 0.0
        self._closed = False
        self._append = scripts.load("append", LUA)
        self._renew = scripts.load("renew", LUA)
        self._thread = threading.Thread(target=self._run, name="llamaq-scribe", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Monotonic seconds."""
        return self._clock.monotonic()

    def open(self, job: ClaimedJob, attempt: Attempt, *, silent: bool) -> Transcript:
        """Begin a transcript; from here on its lease is kept. A silent one writes no deltas."""
        transcript = Transcript(job, attempt, self, silent, self.now())
        with self.changed:
            self._open.add(transcript)
            self.changed.notify_all()
        return transcript

    def due(self, transcript: Transcript) -> None:
        """Take note that a transcript has something to say. With the lock held."""
        self._dirty.add(transcript)
        if self._due_at(transcript) < self._wakes_at:
            self._wakes_at = 0.0  # one call is enough to wake it
            self.changed.notify_all()

    def finish(self, transcript: Transcript) -> None:
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

    def _gather(self) -> list[Transcript]:
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
                    [self._due_at(t) for t in self._dirty] + [t.renewed_at + self._lease / 3 for t in self._open],
                    default=now + 3600,
                )
                self.changed.wait(self._wakes_at - now)
        return []

    def _due_at(self, transcript: Transcript) -> float:
        if transcript.urgent:
            return 0.0
        # One window may be used ahead: tokens that come about as fast as the windows would else be joined two by two,
        # each pair a whole window late.
        return max(transcript.next_at - self._flush, self._wrote_at + GATHER_SECONDS)

    def _take(self, transcript: Transcript, now: float) -> None:
        transcript.take()
        transcript.next_at = max(transcript.next_at, now) + self._flush
        transcript.renewing = transcript.renewed_at + min(RENEW_SECONDS, self._lease / 3) <= now
        self._dirty.discard(transcript)

    def _lapsing(self, now: float) -> list[Transcript]:
        return [transcript for transcript in self._open if transcript.renewed_at + self._lease / 3 <= now]

    def _write(self, batch: Sequence[Transcript]) -> None:
        """Send a batch, again and again while Redis is away: what is said meanwhile gathers behind it."""
        while not self._closed:
            owners, calls = self._calls(batch)
            try:
                answers = run_many(self._client, calls)
            except (RedisError, OSError) as error:
                answers = [error]
            failure = next((answer for answer in answers if isinstance(answer, Exception)), None)
            if failure is None:
                self._confirm(batch, owners, answers)
                return
            _log.warning("Redis does not take the events of %d running jobs (%s); they are held", len(batch), failure)
            self._clock.sleep(RETRY_SECONDS)

    def _calls(self, batch: Sequence[Transcript]) -> tuple[list[Transcript], list[Call]]:
        owners, calls = [], []
        for transcript in batch:
            job = transcript.job
            record, log, leases = self._keys.record(job.id), self._keys.events(job.id), self._keys.leases()
            for number, kind, words in transcript.sending:
                lease = self._lease if transcript.renewing else ""
                args: list[str | float] = [transcript.lease, job.fence, number, lease, kind, job.attempt, words]
                owners.append(transcript)
                calls.append(Call(self._append, args, [record, log, leases]))
            if not transcript.sending:
                owners.append(transcript)
                calls.append(Call(self._renew, [transcript.lease, job.fence, self._lease], [record, leases]))
        return owners, calls

    def _confirm(self, batch: Sequence[Transcript], owners: Sequence[Transcript], answers: Sequence[object]) -> None:
        with self.changed:
            self._wrote_at = self.now()
            for transcript in batch:
                transcript.sending.clear()
                if transcript.renewing:
                    transcript.renewed_at = self._wrote_at
            for transcript, answer in zip(owners, answers, strict=True):
                if answer != "OK" and not transcript.revoked:
                    transcript.drop()
                    transcript.attempt.stop(_STOPS[answer])
            self.changed.notify_all()

"""The running attempts of a worker: a cancel finds them here, and a drain waits for them."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.attempt.stoppable import Attempt

RELEASE_SECONDS = 3.0
"""Time to abort the attempts that are left at the end of a drain, and to requeue their jobs."""
MOST_MISSED = 256
"""Cancels without an attempt that are remembered: far more than come between the claim of a job and its attempt."""


class RunningAttempts:
    """The attempts of one worker."""

    def __init__(self) -> None:
        # Not by job id: a worker that was frozen may begin a job's next attempt before the last one has ended.
        self._attempts: set[Attempt] = set()
        self._missed: deque[str] = deque(maxlen=MOST_MISSED)
        self._changed = threading.Condition()
        self._hurried = False

    def __len__(self) -> int:
        return len(self._attempts)

    @contextmanager
    def register(self, job_id: str) -> Iterator[Attempt]:
        """Register an attempt at the job, which runs as long as the block."""
        attempt = Attempt(job_id)
        with self._changed:
            self._attempts.add(attempt)
        try:
            yield attempt
        finally:
            with self._changed:
                self._attempts.remove(attempt)
                self._changed.notify_all()

    def job_ids(self) -> list[str]:
        """The jobs that run, sorted."""
        with self._changed:
            return sorted(attempt.job_id for attempt in self._attempts)

    def cancel(self, job_id: str) -> None:
        """Abort the attempts at a job that was cancelled, if there are any."""
        with self._changed:
            found = [attempt for attempt in self._attempts if attempt.job_id == job_id]
            if not found:
                self._missed.append(job_id)
        for attempt in found:
            attempt.stop("cancelled")

    def take_missed_cancel(self, job_id: str) -> bool:
        """Take a cancel of the job that found no attempt; returns whether there was one."""
        with self._changed:
            if job_id not in self._missed:
                return False
            self._missed.remove(job_id)
            return True

    def drain(self, seconds: float) -> None:
        """Wait for all attempts to end. After `seconds` abort the rest, so that their jobs are requeued."""
        with self._changed:
            self._changed.wait_for(lambda: not self._attempts or self._hurried, seconds)
            left = list(self._attempts)
        for attempt in left:
            attempt.stop("draining")
        with self._changed:
            self._changed.wait_for(lambda: not self._attempts, RELEASE_SECONDS)

    def hurry(self) -> None:
        """End the wait of a drain now. Safe in a signal handler: the interrupted thread may hold the reentrant lock."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

"""Jobs that were claimed with the end of another one. Their tasks begin at once, without a message."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import structlog

from llamaq.store.worker.claimed_job import ClaimedJob
from tasks.attempt.stoppable import Attempt
from worker.attempt.running_attempts import RunningAttempts

_log = structlog.get_logger(__name__)


class Direct(NamedTuple):
    """A job that is claimed, and its attempt, which counts as running until `registered` is closed."""

    job: ClaimedJob
    attempt: Attempt
    registered: ExitStack


class DirectJobs:
    """Keeps each of these jobs from its claim until its task begins.

    Attributes:
        start: starts the task of a job, given its kind and id; None where tasks start by messages alone.
    """

    def __init__(
        self, running: RunningAttempts, requeue: Callable[[ClaimedJob], object], is_over: Callable[[ClaimedJob], bool]
    ) -> None:
        """Make it.

        Args:
            running: the attempts of the worker.
            requeue: called with a job whose task cannot be started.
            is_over: whether Redis says that a job no longer runs.
        """
        self.start: Callable[[str, str], None] | None = None
        self._running = running
        self._requeue = requeue
        self._is_over = is_over
        self._claimed: dict[str, Direct] = {}
        self._closed = False

    @property
    def wanted(self) -> bool:
        """Whether the end of a job should claim the next one."""
        return self.start is not None and not self._closed

    def begin(self, job: ClaimedJob) -> None:
        """Start the task of a job that was claimed. It counts as running from now on, so that a drain waits for it."""
        with ExitStack() as stack:
            attempt = stack.enter_context(self._running.register(job.id))
            if self._closed:
                attempt.stop("draining")
            # The cancel was faster than the answer that tells of the job; or it was of an earlier job with this id.
            elif self._running.take_missed_cancel(job.id) and self._is_over(job):
                attempt.stop("cancelled")
            self._claimed[job.id] = Direct(job, attempt, stack.pop_all())
        try:
            if self.start is not None:
                self.start(job.kind, job.id)
        except Exception:  # noqa: BLE001 - it is claimed, so nobody else would begin it
            _log.exception("a job that was claimed cannot be started; it is requeued", job_id=job.id)
            if (direct := self.take(job.id)) is not None:
                with direct.registered:
                    self._requeue(job)

    def take(self, job_id: str) -> Direct | None:
        """Take the job of this id out, once; None where its message has brought it."""
        return self._claimed.pop(job_id, None)

    def close(self) -> None:
        """Want no further job. One that comes nevertheless is requeued without being run."""
        self._closed = True

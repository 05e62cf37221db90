"""Runs an attempt to its outcome, and settles the outcome in the job store."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from api_client import Aborted, OllamaError
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry, Stopped
from llamaq.vocabulary.errors import InvalidRequest
from tasks import registry
from tasks.attempt import failures
from tasks.attempt.context import AttemptContext, ImageGone
from tasks.attempt.failures import FAILURES, WorkerEvent
from tasks.attempt.stoppable import Attempt, AttemptStopped

Provide = Callable[[ClaimedJob, Attempt], AbstractContextManager[AttemptContext]]
_log = structlog.get_logger(__name__)


def run(job: ClaimedJob, attempt: Attempt, provide: Provide) -> Outcome:
    """Run the attempt. Every `Exception` becomes an outcome."""
    try:
        with provide(job, attempt) as context:
            outcome = registry.run(job, context)
        # Readers would miss a part of the text: such an attempt must not complete.
        return _stopped(job, attempt) if attempt.stopped == "unwritable" else outcome
    except (Aborted, AttemptStopped):
        return _stopped(job, attempt)
    except OllamaError as error:
        # A socket that `stop` has shut down may raise the error of a cut connection.
        return _stopped(job, attempt) if attempt.stopped else failures.outcome_of_error(error, job)
    except (InvalidRequest, ImageGone) as error:
        return failures.outcome_of_error(error, job)
    except Exception as error:  # noqa: BLE001 - the job must end now, not when its lease expires
        _log.exception("a job failed by a fault of ours", job_id=job.id, attempt=job.attempt, kind=job.kind)
        return failures.outcome_of(WorkerEvent.OWN_FAULT, f"{type(error).__name__} in the worker; see its log")


def final(job: ClaimedJob, outcome: Outcome) -> Outcome:
    """The outcome for the job: a retry becomes a failure when the job has no try left."""
    if isinstance(outcome, Retry) and failures.counts(outcome, job):
        return Failed(outcome.error) if job.tries >= job.max_attempts else outcome
    return outcome


def settle(job: ClaimedJob, outcome: Outcome, store: JobStore, jitter: float) -> str:
    """Store the outcome; returns the answer of the `JobStore`."""
    match outcome:
        case Completed():
            return store.complete(job, outcome)
        case Failed(error):
            return store.fail(job, error)
        case Retry(error, blame, _, wait_seconds):
            pause, counts = failures.pause_of(outcome, job, jitter), failures.counts(outcome, job)
            return store.release(job, error, pause, counts=counts, blame=blame, wait_seconds=wait_seconds)
        case Stopped("draining"):
            return store.release(job, failures.error_of(WorkerEvent.DRAINED), 0, counts=False)
        case Stopped("cancelled"):
            return store.free_slot(job)
        case Stopped():
            return "fenced"  # a newer attempt has the job and the slot


def _stopped(job: ClaimedJob, attempt: Attempt) -> Outcome:
    if attempt.stopped == "deadline":
        return failures.timed_out(FAILURES[WorkerEvent.DEADLINE], job.request.deadline)
    if attempt.stopped == "unwritable":
        return failures.outcome_of(WorkerEvent.OWN_FAULT, "an event cannot be written; see the worker's log")
    return Stopped(attempt.stopped or "draining")

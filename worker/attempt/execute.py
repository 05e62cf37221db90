"""The one path of every job through a worker."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from api_client import Aborted, OllamaError
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Error, Failed, Outcome, Retry, Stopped
from llamaq.vocabulary.errors import InvalidRequest
from tasks.attempt import failures
from tasks.attempt.attempt import Attempt, AttemptStopped
from tasks.attempt.services import ImageGone, Services
from tasks.registry import KINDS

DRAINED = Error("internal", "the worker is stopping; the job goes back", retryable=True)
Provide = Callable[[ClaimedJob, Attempt], AbstractContextManager[Services]]
_log = structlog.get_logger(__name__)


def run(job: ClaimedJob, attempt: Attempt, provide: Provide) -> Outcome:
    """Run the attempt to an outcome, whatever happens: the only place that catches everything."""
    try:
        with provide(job, attempt) as services:
            return KINDS[job.kind](services.screening.admitted(job), services)
    except (Aborted, AttemptStopped):
        return _stopped(job, attempt)
    except OllamaError as error:
        # A socket that `stop` shut down may look cut before it looks aborted.
        return _stopped(job, attempt) if attempt.stopped else failures.of_ollama(error, job)
    except InvalidRequest as error:
        return Failed(Error("invalid_request", str(error)))
    except ImageGone as error:
        return Failed(Error("invalid_request", str(error)))
    except Exception as error:  # noqa: BLE001 - a fault of ours must end the job, not leave it to its lease
        _log.exception("a job failed by a fault of ours", job_id=job.id, attempt=job.attempt, kind=job.kind)
        return Retry(Error("internal", f"{type(error).__name__} in the worker; see its log", retryable=True))


def final(job: ClaimedJob, outcome: Outcome) -> Outcome:
    """What the attempt came to for the job: when it has no try left, what another might mend is a failure."""
    if isinstance(outcome, Retry) and not failures.no_fault_of_the_job(outcome, job.attempt):
        return Failed(outcome.error) if job.tries >= job.max_attempts else outcome
    return outcome


def settle(job: ClaimedJob, outcome: Outcome, store: JobStore, jitter: float) -> str:  # noqa: PLR0911 - one for a case
    """Tell the store what the attempt came to; what it made of that, in the words of `JobStore`."""
    match outcome:
        case Completed():
            return store.complete(job, outcome)
        case Failed(error):
            return store.fail(job, error)
        case Retry(error, blame) if failures.no_fault_of_the_job(outcome, job.attempt):
            return store.release(job, error, failures.detour_seconds(job.attempt, jitter), counts=False, blame=blame)
        case Retry(error, blame):
            return store.release(job, error, failures.pause_seconds(job.tries, jitter), counts=True, blame=blame)
        case Stopped("draining"):
            return store.release(job, DRAINED, 0, counts=False)
        case Stopped("cancelled"):
            return store.let_go(job)
        case Stopped():
            return "fenced"  # a newer attempt has the job and the slot


def _stopped(job: ClaimedJob, attempt: Attempt) -> Outcome:
    if attempt.stopped == "deadline":
        return failures.timed_out("deadline", job.request.deadline)
    return Stopped(attempt.stopped or "draining")

"""Runs an attempt to its outcome, and settles the outcome in the job store."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import structlog
from pydantic import ValidationError

from api_client import Aborted, OllamaError
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry, Stopped
from llamaq.vocabulary import events
from llamaq.vocabulary.errors import InvalidRequest, StreamError
from llamaq.vocabulary.events import WIRE_VERSION
from llamaq.vocabulary.wire import dump_members
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
        if attempt.stopped == "unwritable":
            return _make_stop(job, attempt)
        if isinstance(outcome, Completed):
            outcome = replace(outcome, events=attempt.events, pieces=attempt.pieces)
        return _check_readable(job, outcome)
    except (Aborted, AttemptStopped):
        return _make_stop(job, attempt)
    except OllamaError as error:
        # A socket that `stop` has shut down may raise the error of a cut connection.
        return _make_stop(job, attempt) if attempt.stopped else _make_host_failure(job, attempt, error)
    except (InvalidRequest, ImageGone) as error:
        return failures.outcome_of_error(error, job)
    except Exception as error:  # noqa: BLE001 - the job must end now, not when its lease expires
        _log.exception("a job failed by a fault of ours", job_id=job.id, attempt=job.attempt, kind=job.kind)
        return failures.outcome_of(WorkerEvent.OWN_FAULT, f"{type(error).__name__} in the worker; see its log")


def settle(job: ClaimedJob, outcome: Outcome, store: JobStore, jitter: float, ran_seconds: float) -> str:
    """Store the outcome; returns the answer of the `JobStore`."""
    match outcome:
        case Completed():
            return store.complete(job, outcome, ran_seconds)
        case Failed(error, blame, wait_seconds):
            return store.fail(job, error, ran_seconds, blame, wait_seconds)
        case Retry(error, blame, _, wait_seconds):
            pause, counts = failures.pause_of(outcome, job, jitter), failures.counts_as_try(outcome, job)
            return store.release(
                job, error, pause, counts=counts, blame=blame, wait_seconds=wait_seconds, ran_seconds=ran_seconds
            )
        case Stopped("draining"):
            drained = failures.error_of(WorkerEvent.DRAINED, details={"reason": "drained"})
            return store.release(job, drained, 0, counts=False, ran_seconds=ran_seconds)
        case Stopped("cancelled"):
            return store.free_slot(job)
        case Stopped():
            return "fenced"  # a newer attempt has the job and the slot


def _check_readable(job: ClaimedJob, outcome: Outcome) -> Outcome:
    """Return the outcome. A result that readers of the job would refuse becomes a failure."""
    if not isinstance(outcome, Completed):
        return outcome
    try:
        # The event is what readers get. It has the result a level deeper than the record.
        common = dump_members(v=WIRE_VERSION, type="completed", attempt=job.attempt, at=0)
        events.parse("0-0", f'{{{common},"result":{outcome.result_json}}}')
        outcome.turn_json  # noqa: B018 - formatted here, where a number that is not JSON can still end the attempt
    except (ValueError, StreamError) as error:
        reason = _describe_refusal(error.__cause__ or error)
        _log.error("a result cannot be read back", job_id=job.id, attempt=job.attempt, kind=job.kind, reason=reason)
        message = f"the answer of {job.host} makes a result that cannot be read back: {reason}"
        return failures.outcome_of(WorkerEvent.UNREADABLE_RESULT, message)
    return outcome


def _describe_refusal(error: BaseException) -> str:
    """Say why readers refuse a result, without the result's own text, which no log holds."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _make_host_failure(job: ClaimedJob, attempt: Attempt, error: OllamaError) -> Outcome:
    outcome = failures.outcome_of_error(error, job)
    return failures.excuse_begun_answer(outcome) if attempt.pieces else outcome


def _make_stop(job: ClaimedJob, attempt: Attempt) -> Outcome:
    if attempt.stopped == "deadline":
        return failures.timeout_outcome(FAILURES[WorkerEvent.DEADLINE], job.request.deadline)
    if attempt.stopped == "unwritable":
        return failures.outcome_of(WorkerEvent.OWN_FAULT, "an event cannot be written; see the worker's log")
    return Stopped(attempt.stopped or "draining")

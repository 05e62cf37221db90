"""Exit codes, and the lines on stderr for an error."""

from collections.abc import Iterator

from llamaq.cli.program import program
from llamaq.vocabulary.errors import (
    BrokerUnavailable,
    ConversationBusy,
    ConversationNotFound,
    CursorExpired,
    InvalidRequest,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotFound,
    LlamaqError,
    SubmitError,
    UnknownModel,
)

FAILED = 1
USAGE = 2
CANCELLED = 3
EXPIRED = 4
UNAVAILABLE = 5
NOT_FOUND = 6
TIMEOUT = 124
DETACHED = 130
BROKEN_PIPE = 141
TERMINATED = 143

HELP = """\b
Exit codes:
  0    completed
  1    failed
  2    wrong usage, or the request is not valid
  3    cancelled
  4    expired: not started within --start-within
  5    not submitted: Redis unavailable, queue full or unknown model
  6    no such job, or its log is no longer kept
  124  `result --timeout`: not ended yet
  130  detached with Ctrl-C: the job goes on
"""

# Subclasses come first: an InvalidRequest is a SubmitError.
_CODES: tuple[tuple[type[LlamaqError], int], ...] = (
    (InvalidRequest, USAGE),
    (SubmitError, UNAVAILABLE),
    (JobNotFound, NOT_FOUND),
    (ConversationNotFound, NOT_FOUND),
    (CursorExpired, NOT_FOUND),
    (JobCancelled, CANCELLED),
    (JobExpired, EXPIRED),
)


class Ended(Exception):
    """Ends the command with an exit code. Its notes were written before."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def code_of(error: LlamaqError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def explain(error: LlamaqError) -> Iterator[str]:
    """A few lines on what happened, where, and what to do."""
    match error:
        case InvalidRequest(problems=problems):
            of_settings = all(problem.field.startswith("LLAMAQ_") for problem in problems)
            wrong = "a setting is not valid" if of_settings else "the request is not valid"
            yield f"Error: {wrong}, and nothing was queued"
            yield from (f"  {problem}" for problem in problems)
        case UnknownModel():
            yield f"Error: {error}"
            yield f"  `{program()} models` lists what there is; --wait-for-model queues the job until a host has it"
        case ConversationBusy(job_id=str(job_id)):
            yield f"Error: {error}"
            yield f"  {program()} follow {job_id}   or   {program()} cancel {job_id}"
        case BrokerUnavailable():
            yield f"Error: {error}"
            yield "  --redis-url names another for this command"
        case JobFailed():
            yield from _explain_failure(error)
        case JobCancelled():
            yield f"job {error.job_id} was cancelled: {error}"
        case JobExpired():
            yield f"job {error.job_id} expired: {error}"
        case _:
            yield f"Error: {error}"


def _explain_failure(failed: JobFailed) -> Iterator[str]:
    error = failed.error
    clock = f" (clock: {error.clock})" if error.clock else ""
    yield f"job {failed.job_id} failed: {error.code}{clock}: {error.message}"
    yield from (f"  {line}" for line in error.errors or ())
    if error.retryable:
        yield "  the same request may well succeed later"

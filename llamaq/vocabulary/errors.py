"""The errors of the SDK, and what to do about each.

LlamaqError
├── SubmitError             nothing was queued
│   ├── BrokerUnavailable   start Redis, or check the URL
│   ├── QueueFull           wait `retry_after` seconds
│   ├── InvalidRequest      correct the request: `problems` names each field
│   ├── UnknownModel        pull it, or take one of `near`
│   └── ConversationBusy    wait for `job_id`, the turn that runs or waits there
├── VersionMismatch         update llamaq here, or in the workers: the message says which
├── ConversationError       about one conversation
│   ├── ConversationNotFound
│   └── ConversationExists  take another name
├── JobError                about one job
│   ├── JobNotFound
│   ├── JobFailed           `error` says why
│   ├── JobCancelled
│   └── JobExpired
└── StreamError             about reading a job's events
    ├── CursorExpired       the log is gone
    └── StreamRestarted     a new attempt voids the text given so far
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llamaq.vocabulary.results import ErrorInfo


class LlamaqError(Exception):
    """The base of every error that llamaq raises. Each can be pickled, as between the processes of a pool."""

    def __reduce__(self) -> tuple[Any, ...]:
        """An exception's own way would call `__init__` with the message alone."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[LlamaqError], args: tuple[object, ...], members: dict[str, object]) -> LlamaqError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(members)
    return error


class SubmitError(LlamaqError):
    """The job was not queued."""


class BrokerUnavailable(SubmitError):
    """Redis did not answer, or refused, or something else has written over what llamaq keeps there.

    `str(error)` names the address and the remedy.
    """


class QueueFull(SubmitError):
    """Too many jobs wait already.

    Attributes:
        retry_after: seconds after which a job is likely to be accepted.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in a request: the path of the field (`options.num_ctx`), and the message."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidRequest(SubmitError):
    """The request is not valid. It would be refused at each try.

    Attributes:
        problems: one `Problem` for each field that is wrong.
        code: `invalid_request`, or `unsupported` where the model cannot do what the request asks for.
    """

    def __init__(self, problems: Sequence[Problem], code: str = "invalid_request") -> None:
        self.problems = tuple(problems)
        self.code = code
        super().__init__("; ".join(str(problem) for problem in self.problems))

    @classmethod
    def of(cls, field: str, message: str, code: str = "invalid_request") -> "InvalidRequest":
        """The error with one problem."""
        return cls([Problem(field, message)], code)


class IdempotencyConflict(InvalidRequest):
    """The `idempotency_key` was used before, for another request. Nothing was queued.

    Attributes:
        job_id: the job that has the key.
    """

    def __init__(self, job_id: str) -> None:
        message = f"the job {job_id} has this key, and another request: use a key for one request alone"
        super().__init__([Problem("idempotency_key", message)])
        self.job_id = job_id


class UnknownModel(SubmitError):
    """No known host has the model.

    Attributes:
        model: the normalised name that was asked for.
        near: similar names that the fleet offers, best first.
    """

    def __init__(self, model: str, near: Sequence[str] = ()) -> None:
        self.model = model
        self.near = tuple(near)
        hint = f"did you mean {', '.join(self.near)}?" if self.near else f"pull it on a host first: ollama pull {model}"
        super().__init__(f"no host offers the model {model!r}; {hint}")


class ConversationBusy(SubmitError):
    """A turn of the conversation runs or waits: nothing was queued, and nothing was changed.

    Attributes:
        name: of the conversation.
        job_id: the turn that runs or runs next; None where other producers changed the conversation at each try.
    """

    def __init__(self, name: str, job_id: str | None = None) -> None:
        what = f"the turn {job_id}; wait for its end, or cancel it" if job_id else "others' changes; try again"
        super().__init__(f"the conversation {name!r} is busy with {what}")
        self.name = name
        self.job_id = job_id


class VersionMismatch(LlamaqError):
    """This llamaq and the fleet's workers are of versions that do not fit together; nothing was changed.

    `str(error)` says which of the two to update.
    """


class ConversationError(LlamaqError):
    """An operation on a conversation failed.

    Attributes:
        name: of the conversation.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class ConversationNotFound(ConversationError):
    """There is no such conversation, or it has expired."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"no conversation {name!r}: the name or the tenant is wrong, or it is no longer kept")


class ConversationExists(ConversationError):
    """A conversation of this name exists."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"there is a conversation {name!r} already; take another name, or delete it first")


class JobError(LlamaqError):
    """An operation on a job failed, or the job did.

    Attributes:
        job_id: of the job.
    """

    def __init__(self, job_id: str, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobNotFound(JobError):
    """There is no such job, or its result has expired."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id, f"no job {job_id}: the id is wrong, or its result is no longer kept")


class JobFailed(JobError):
    """The job ended `failed`.

    Attributes:
        error: `code`, `message`, `retryable`, `status`, and further fields of the code.
    """

    def __init__(self, job_id: str, error: ErrorInfo) -> None:
        super().__init__(job_id, f"{error.code}: {error.message}")
        self.error = error

    @property
    def code(self) -> str:
        """The error's code: see `ErrorInfo`."""
        return self.error.code


class JobCancelled(JobError):
    """The job was cancelled; `str(error)` gives the reason."""


class JobExpired(JobError):
    """The job was not started within `start_within`; `str(error)` gives the reason."""


class StreamError(LlamaqError):
    """The events of a job cannot be read further."""


class CursorExpired(StreamError):
    """The log that the cursor belongs to is no longer kept, or Redis has lost the event at the cursor."""


class StreamRestarted(StreamError):
    """A new attempt began: the text received so far is void.

    Attributes:
        attempt: the number of the attempt that began.
        cursor: of the event that started it.
    """

    def __init__(self, attempt: int, cursor: str) -> None:
        super().__init__(f"attempt {attempt} began: the text of earlier attempts is void")
        self.attempt = attempt
        self.cursor = cursor

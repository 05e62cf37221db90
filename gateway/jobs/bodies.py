"""The bodies of the jobs API beside those of the SDK, for its OpenAPI page: no route reads or writes by these."""

from pydantic import BaseModel

from llamaq.vocabulary.conversations import ConversationInfo, ConversationSettings, KeptMessage
from llamaq.vocabulary.models import HostStatus, ModelStatus, WorkerStatus
from llamaq.vocabulary.status import JobStatus


class JobPage(BaseModel):
    """A page of jobs, the newest first, without their results; `cursor` is null on the last one."""

    jobs: list[JobStatus]
    cursor: str | None


class ModelList(BaseModel):
    """One entry for each model and host."""

    models: list[ModelStatus]


class HostList(BaseModel):
    """Each host with its models."""

    hosts: list[HostStatus]


class WorkerList(BaseModel):
    """The worker processes of all hosts."""

    workers: list[WorkerStatus]


class Target(BaseModel):
    """What is paused, drained or resumed: a host, or a model on all hosts."""

    host: str | None = None
    model: str | None = None


class ConversationList(BaseModel):
    """The conversation that was changed last comes first."""

    conversations: list[ConversationInfo]


class Conversation(BaseModel):
    """A conversation: the settings that are set, and its messages, oldest first."""

    name: str
    tenant: str
    settings: ConversationSettings
    messages: list[KeptMessage]


class ChangedSettings(BaseModel):
    """The settings of a conversation after a change."""

    name: str
    settings: ConversationSettings


class Probe(BaseModel):
    """What the process says of itself."""

    status: str


class Problem(BaseModel):
    """One field that is wrong."""

    field: str
    message: str


class ErrorBody(BaseModel):
    """Why a request was refused, or a job has no result.

    Attributes:
        field: the field of the request that is wrong, where it is one.
        problems: each wrong field, where there are several.
        retryable: of a job that failed: whether the same request may succeed later.
        clock: of a job that `timed_out`: the clock that ran out.
        text: of a job with `invalid_output`: the last answer.
        errors: of a job with `invalid_output`: the errors of that answer, one line each.
    """

    code: str
    message: str
    field: str | None = None
    problems: list[Problem] | None = None
    retryable: bool | None = None
    clock: str | None = None
    text: str | None = None
    errors: list[str] | None = None


class Error(BaseModel):
    """The body of every status from 400 on."""

    error: ErrorBody


class Cancellation(BaseModel):
    """The body of a cancel, which may be left out."""

    reason: str = "cancelled by the producer"


class Edit(BaseModel):
    """The new text of a turn."""

    content: str
    role: str = "user"


class Fork(BaseModel):
    """The name of the new conversation, and the last turn that it takes over; without `at` all."""

    name: str
    at: int | None = None

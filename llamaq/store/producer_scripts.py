"""The scripts that producers run, with their arguments. The head of each Lua file says what they mean."""

from dataclasses import dataclass
from typing import ClassVar

from llamaq.store.arguments import Arguments
from llamaq.store.batches.batch_scripts import BATCH_SCRIPTS


@dataclass(kw_only=True)
class Submit(Arguments):
    """Accepts a job."""

    verb: ClassVar = "submit"
    id: str
    kind: str
    model: str
    lane: str
    tenant: str
    request: str
    start_within: float | str
    conversation: str
    idempotency_key: str
    images: str
    max_attempts: int
    result_ttl: int
    max_queued: int
    wait_for_model: int
    metadata: str
    when_busy: str
    messages: str
    conversation_ttl: int
    runner: str
    weight: float
    max_queued_per_tenant: int
    capabilities: str
    target: str
    notify: str
    traceparent: str
    note: str = ""
    start_after: float | str = ""
    start_at: float | str = ""
    notify_private: int = 0
    more: int = 0


@dataclass(kw_only=True)
class Cancel(Arguments):
    """Cancels a job."""

    verb: ClassVar = "cancel"
    id: str
    members: str
    reason: str


@dataclass(kw_only=True)
class Delete(Arguments):
    """Deletes a job."""

    verb: ClassVar = "delete"
    id: str
    members: str
    reason: str


@dataclass(kw_only=True)
class Status(Arguments):
    """Reads the record and the position of a job."""

    verb: ClassVar = "status"
    id: str
    fields: str
    why: int = 0


@dataclass(kw_only=True)
class Jobs(Arguments):
    """Lists kept jobs."""

    verb: ClassVar = "jobs"
    after_at: str
    after_id: str
    look_at: int
    most: int
    since: str
    before: str
    states: str
    kind: str
    model: str
    tenant: str
    lane: str
    code: str
    fields: str


@dataclass(kw_only=True)
class Waiting(Arguments):
    """Lists what waits."""

    verb: ClassVar = "waiting"


@dataclass(kw_only=True)
class Pause(Arguments):
    """Pauses a host or a model, or ends that."""

    verb: ClassVar = "pause"
    host: str
    model: str
    word: str


@dataclass(kw_only=True)
class _OfConversation(Arguments):
    tenant: str
    name: str


@dataclass(kw_only=True)
class ConversationDelete(_OfConversation):
    """Deletes a conversation."""

    verb: ClassVar = "conversation_delete"
    token: str = ""


@dataclass(kw_only=True)
class ConversationSet(_OfConversation):
    """Changes the settings of a conversation."""

    verb: ClassVar = "conversation_set"
    conversation_ttl: int
    changes: str


@dataclass(kw_only=True)
class ConversationEdit(_OfConversation):
    """Replaces a message."""

    verb: ClassVar = "conversation_edit"
    conversation_ttl: int
    index: int
    before: str
    after: str


@dataclass(kw_only=True)
class ConversationCut(_OfConversation):
    """Deletes the latest messages."""

    verb: ClassVar = "conversation_cut"
    conversation_ttl: int
    number: int
    last: str


@dataclass(kw_only=True)
class ConversationFork(_OfConversation):
    """Begins a conversation with the first messages of another."""

    verb: ClassVar = "conversation_fork"
    conversation_ttl: int
    new_name: str
    number: int
    last: str
    token: str


@dataclass(kw_only=True)
class ConversationList(Arguments):
    """Lists a tenant's conversations."""

    verb: ClassVar = "conversation_list"
    tenant: str
    skipped: int
    limit: int


PRODUCER_SCRIPTS: tuple[type[Arguments], ...] = (
    Submit,
    Cancel,
    Delete,
    Status,
    Jobs,
    Waiting,
    Pause,
    ConversationDelete,
    ConversationSet,
    ConversationEdit,
    ConversationCut,
    ConversationFork,
    ConversationList,
    *BATCH_SCRIPTS,
)

"""A kept conversation: its messages, turn by turn, and its settings."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, field_validator
from pydantic_core import from_json

from llamaq.vocabulary.kinds.chat import ChatRequest, ConversationKey
from llamaq.vocabulary.kinds.message import Message
from llamaq.vocabulary.kinds.request import Name, Tenant
from llamaq.vocabulary.kinds.result import Usage
from llamaq.vocabulary.models import parse_model_name
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.wire import Frozen, JsonObject, Strict, dumps

MessageObject = dict[str, Any]
"""A message as JSON, with the fields that a conversation adds: `job`, `usage`, `history_dropped` and others."""
SENT = frozenset({"role", "content", "tool_calls", "tool_name", "tool_call_id", "images"})
"""The fields of a kept message that are sent to Ollama; `thinking` only behind the last question."""


class KeptMessage(Frozen):
    """One message of a conversation.

    Attributes:
        turn: the number of its turn, from 1. A turn is one job: its new messages, and the answer.
        images: the references of stored images (`sha256:<hex>`), which are kept as long as the conversation.
        tool_calls: Ollama's objects: `{"function": {"name": ..., "arguments": {...}}}`.
        job: the id of the turn's job; None where it is not known.
        interrupted: whether a later turn ended this answer early; `content` is its text until then.
        edited: whether it was changed later.
        usage: of an answer: Ollama's token counts of the turn.
        history_dropped: of an answer: older messages that were left out, because the context had no room for them.
    """

    turn: int
    role: str
    content: str = ""
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[JsonObject] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    job: str | None = None
    interrupted: bool = False
    edited: bool = False
    usage: Usage | None = None
    history_dropped: int = 0


class ConversationSettings(Strict):
    """The settings of a conversation; None for one that is not set.

    Attributes:
        model: of turns that name none.
        system: the system message before all others.
        options: Ollama's; an option of a turn replaces the one here.
        tools: the tools that the model may call, for turns that name none.
        ttl: seconds that the conversation is kept after its last use; by default `LLAMAQ_CONVERSATION_TTL`.
    """

    model: Name | None = None
    system: Annotated[str, Field(min_length=1)] | None = None
    options: Options | None = None
    tools: list[JsonObject] | None = None
    ttl: Annotated[int, Field(ge=1, le=10**9)] | None = None

    @field_validator("model")
    @classmethod
    def _normalise_model(cls, model: str | None) -> str | None:
        return None if model is None else parse_model_name(model)


class ConversationInfo(Frozen):
    """One conversation in a list.

    Attributes:
        messages: the number of messages.
        turns_waiting: the number of turns that run or wait.
        expires_at: when it is deleted, unless it is used before.
    """

    name: str
    tenant: str
    model: str | None
    messages: int
    turns_waiting: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


class ConversationName(Strict):
    """The name of a conversation, and its tenant."""

    name: ConversationKey
    tenant: Tenant = "default"


_OPTIONS: TypeAdapter[Options] = TypeAdapter(Options)


def message_fields(message: Message) -> MessageObject:
    """A message as Ollama takes it."""
    return message.model_dump(exclude_none=True)


def new_messages(request: ChatRequest) -> list[MessageObject]:
    """The messages that a request adds to the history."""
    given = request.messages if request.messages is not None else request.message
    if isinstance(given, list):
        return [message_fields(message) for message in given]
    return [message_fields(given) if isinstance(given, Message) else {"role": "user", "content": given}]


def encode_messages(request: ChatRequest, job_id: str) -> list[str]:
    """Encode the messages that a request adds, as the conversation keeps them: JSON texts with the id of the job."""
    return [dumps({**message, "job": job_id}) for message in new_messages(request)]


def number_turns(messages: Iterable[MessageObject]) -> Iterable[tuple[int, MessageObject]]:
    """Number the turn of each message. A turn is one job's messages, or, without a job, up to an answer.

    Raises:
        ValueError: one is no object, so something else has written it.
    """
    turn, before = 0, None
    for message in messages:
        if not isinstance(message, dict):
            raise ValueError("a message of the conversation is no object")  # noqa: TRY004 - it was read, and not given
        turn += before is None or not _is_same_turn(before, message)
        before = message
        yield turn, message


def _is_same_turn(before: MessageObject, message: MessageObject) -> bool:
    if before.get("job") != message.get("job"):
        return False
    return message.get("job") is not None or before.get("role") != "assistant"


def read_history(texts: Sequence[str]) -> list[KeptMessage]:
    """The typed messages of the list in Redis."""
    return [
        KeptMessage.model_validate({**message, "turn": turn}) for turn, message in number_turns(map(from_json, texts))
    ]


def read_settings(fields: Mapping[str, str]) -> ConversationSettings:
    """The typed settings of the hash in Redis."""
    options, tools, ttl = (fields.get(name) for name in ("options", "tools", "ttl"))
    return ConversationSettings(
        model=fields.get("model"),
        system=fields.get("system"),
        options=None if options is None else _OPTIONS.validate_json(options),
        tools=None if tools is None else from_json(tools),
        ttl=None if ttl is None else int(ttl),
    )

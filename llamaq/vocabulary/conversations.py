"""What is kept of a conversation: its messages, turn by turn, and what it is set to."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, field_validator
from pydantic_core import from_json

from llamaq.vocabulary.kinds.chat import ChatRequest
from llamaq.vocabulary.kinds.request import Message, Name, Tenant
from llamaq.vocabulary.kinds.result import Usage
from llamaq.vocabulary.models import model_name
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.wire import Frozen, JsonObject, Strict, dumps

MessageDict = dict[str, Any]
"""A message in the wire's shape, with what is kept beside it."""
SENT = frozenset({"role", "content", "tool_calls", "tool_name", "images"})
"""The fields of a message that Ollama is given; what was thought is not a part of what was said."""


class KeptMessage(Frozen):
    """One message of a conversation.

    Attributes:
        turn: which turn it belongs to, from 1. A turn is one job: what was new, and the answer.
        tool_calls: Ollama's objects: `{"function": {"name": ..., "arguments": {...}}}`.
        job: the turn's job; None where it was not kept.
        interrupted: whether a later turn cut this answer off; `content` is what was said until then.
        edited: whether it was changed afterwards.
        usage: of an answer: what Ollama counted for the turn.
        history_dropped: of an answer: messages before the turn that were left out for the rest to fit the model.
    """

    turn: int
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str | None = None
    tool_calls: list[JsonObject] | None = None
    tool_name: str | None = None
    job: str | None = None
    interrupted: bool = False
    edited: bool = False
    usage: Usage | None = None
    history_dropped: int = 0


class ConversationSettings(Strict):
    """What a conversation is set to; None where it is not.

    Attributes:
        model: the one that answers where a turn names none.
        system: what the model is told before all messages.
        options: Ollama's; those of a turn go before them, one by one.
        tools: those that the model may call, where a turn names none.
        ttl: seconds for which it is kept after it was last touched; else `LLAMAQ_CONVERSATION_TTL` says so.
    """

    model: Name | None = None
    system: Annotated[str, Field(min_length=1)] | None = None
    options: Options | None = None
    tools: list[JsonObject] | None = None
    ttl: Annotated[int, Field(ge=1, le=10**9)] | None = None

    @field_validator("model")
    @classmethod
    def _as_ollama_does(cls, model: str | None) -> str | None:
        return None if model is None else model_name(model)


class ConversationInfo(Frozen):
    """One conversation in a list.

    Attributes:
        messages: how many are kept.
        turns_waiting: turns that run or wait.
        expires_at: when it lapses if nobody touches it.
    """

    name: str
    tenant: str
    model: str | None
    messages: int
    turns_waiting: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


class Whose(Strict):
    """What names a conversation."""

    name: Name
    tenant: Tenant = "default"


_OPTIONS: TypeAdapter[Options] = TypeAdapter(Options)


def message_fields(message: Message) -> MessageDict:
    """A message as Ollama takes it, without what was thought."""
    return message.model_dump(exclude_none=True, exclude={"thinking"})


def new_messages(request: ChatRequest) -> list[MessageDict]:
    """What a request adds to what was said before."""
    given = request.messages if request.messages is not None else request.message
    if isinstance(given, list):
        return [message_fields(message) for message in given]
    return [message_fields(given) if isinstance(given, Message) else {"role": "user", "content": given}]


def to_be_kept(request: ChatRequest, job_id: str) -> list[str]:
    """The same as it will stand in the conversation, JSON each."""
    return [dumps({**message, "job": job_id}) for message in new_messages(request)]


def numbered(messages: Iterable[MessageDict]) -> Iterable[tuple[int, MessageDict]]:
    """Each message with its turn: those of one job belong together; an answer ends a turn that names none."""
    turn, before = 0, None
    for message in messages:
        turn += before is None or not _goes_on(before, message)
        before = message
        yield turn, message


def _goes_on(before: MessageDict, message: MessageDict) -> bool:
    if before.get("job") != message.get("job"):
        return False
    return message.get("job") is not None or before.get("role") != "assistant"


def read_history(texts: Sequence[str]) -> list[KeptMessage]:
    """The typed messages out of the list in Redis."""
    return [KeptMessage.model_validate({**message, "turn": turn}) for turn, message in numbered(map(from_json, texts))]


def read_settings(fields: Mapping[str, str]) -> ConversationSettings:
    """The typed settings out of the hash in Redis."""
    options, tools, ttl = (fields.get(name) for name in ("options", "tools", "ttl"))
    return ConversationSettings(
        model=fields.get("model"),
        system=fields.get("system"),
        options=None if options is None else _OPTIONS.validate_json(options),
        tools=None if tools is None else from_json(tools),
        ttl=None if ttl is None else int(ttl),
    )

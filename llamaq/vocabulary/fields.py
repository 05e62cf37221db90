"""The keyword arguments of the verbs, for editors and type checkers. The request models validate them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from llamaq.vocabulary.conversations import KeptMessage
from llamaq.vocabulary.kinds.chat import ReplyMessage, WhenBusy
from llamaq.vocabulary.kinds.message import Message
from llamaq.vocabulary.kinds.request import Lane
from llamaq.vocabulary.notify import Notify
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.wire import JsonObject

AnyMessage = Message | ReplyMessage | KeptMessage | Mapping[str, Any]
"""A message: of one's own, or an answer handed back."""


class HostJobFields(TypedDict, total=False):
    """The arguments of every verb; host jobs (`pull`, `unload`) take no others. Units: see `kinds.request.Request`."""

    stream: bool
    priority: Lane
    tenant: str
    idempotency_key: str
    metadata: dict[str, str]
    notify: Notify | dict[str, Any]
    start_after: float | datetime
    start_within: float
    stall_after: float
    deadline: float
    wait_for_model: bool


class LoadFields(HostJobFields, total=False):
    """The arguments of `load` beside the model and the host."""

    options: Options | dict[str, Any]
    keep_alive: str | float
    first_token_within: float


class CommonFields(HostJobFields, total=False):
    """The further arguments of every verb that asks a model."""

    options: Options | dict[str, Any]
    keep_alive: str | float
    think: bool | Literal["low", "medium", "high", "max"]
    first_token_within: float
    repetition_guard: bool


class AnswerFields(CommonFields, total=False):
    """The further arguments of the verbs whose answer is a text."""

    truncate: bool
    shift: bool
    logprobs: bool
    top_logprobs: int


class GenerateFields(AnswerFields, total=False):
    """The arguments of `generate` beside the model and the prompt."""

    system: str
    suffix: str
    raw: bool
    template: str
    format: Literal["json"] | JsonObject
    context: list[int]


class EmbeddingFields(CommonFields, total=False):
    """The arguments of `embed` beside the model and the input."""

    dimensions: int
    truncate: bool


class ChatFields(AnswerFields, total=False):
    """The arguments of `chat` beside the model and `messages`: without those, `conversation` and `message`."""

    conversation: str
    message: str | AnyMessage | Sequence[AnyMessage]
    when_busy: WhenBusy
    tools: list[JsonObject]
    format: Literal["json"] | JsonObject


class SendFields(AnswerFields, total=False):
    """The arguments of a turn beside its message; the settings of the conversation are the defaults."""

    model: str
    when_busy: WhenBusy
    tools: list[JsonObject]
    format: Literal["json"] | JsonObject


class SettingsFields(TypedDict, total=False):
    """The settings of a conversation; None clears one. See `llamaq.ConversationSettings`."""

    model: str | None
    system: str | None
    options: Options | dict[str, Any] | None
    tools: list[JsonObject] | None
    ttl: int | None


class MultimodalFields(CommonFields, total=False):
    """The arguments of `multimodal` beside the model, the prompt and the images."""

    system: str
    messages: Sequence[AnyMessage]
    max_edge: int
    format: Literal["json"] | JsonObject


class ExtractFields(CommonFields, total=False):
    """The arguments of `extract` beside the model, the prompt and the schema."""

    system: str
    repairs: int
    max_edge: int

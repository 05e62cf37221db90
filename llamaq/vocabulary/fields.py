"""The keyword arguments of the verbs, for editors and type checkers. The request models validate them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from llamaq.vocabulary.conversations import KeptMessage
from llamaq.vocabulary.kinds.chat import ReplyMessage, WhenBusy
from llamaq.vocabulary.kinds.message import Message
from llamaq.vocabulary.kinds.request import Lane
from llamaq.vocabulary.notify import Ending, Notify
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.wire import JsonObject


class OptionsDict(TypedDict, total=False):
    """Ollama's `options` as a dict. An option that is None is as one that is absent. See `llamaq.Options`."""

    num_ctx: int | None
    num_batch: int | None
    num_gpu: int | None
    main_gpu: int | None
    use_mmap: bool | None
    use_mlock: bool | None
    num_thread: int | None
    numa: bool | None
    low_vram: bool | None
    f16_kv: bool | None
    logits_all: bool | None
    vocab_only: bool | None
    num_keep: int | None
    num_predict: int | None
    seed: int | None
    temperature: float | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    tfs_z: float | None
    typical_p: float | None
    repeat_last_n: int | None
    repeat_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    mirostat: int | None
    mirostat_tau: float | None
    mirostat_eta: float | None
    penalize_newline: bool | None
    stop: list[str] | None


class MessageDict(TypedDict, total=False):
    """A message as a dict; only `role` is required. See `llamaq.Message`."""

    role: Required[str]
    content: str | None
    thinking: str | None
    images: Sequence[Any] | None
    tool_calls: Sequence[Mapping[str, Any]] | None
    tool_name: str | None
    tool_call_id: str | None


class NotifyDict(TypedDict, total=False):
    """A webhook as a dict; only `url` is required. See `llamaq.Notify`."""

    url: Required[str]
    events: list[Ending]
    include_result: bool


AnyMessage = Message | ReplyMessage | KeptMessage | MessageDict
"""A message: of one's own, or an answer handed back."""


class HostJobFields(TypedDict, total=False):
    """The arguments of every verb; host jobs (`pull`, `unload`) take no others. Units: see `kinds.request.Request`."""

    stream: bool
    priority: Lane
    tenant: str
    idempotency_key: str
    metadata: dict[str, str]
    notify: Notify | NotifyDict
    start_after: float | datetime
    start_within: float
    stall_after: float
    deadline: float
    wait_for_model: bool


class LoadFields(HostJobFields, total=False):
    """The arguments of `load` beside the model and the host."""

    options: Options | OptionsDict
    keep_alive: str | float
    first_token_within: float


class CommonFields(HostJobFields, total=False):
    """The further arguments of every verb that asks a model."""

    options: Options | OptionsDict
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
    options: Options | OptionsDict | None
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

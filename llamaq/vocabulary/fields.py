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
    """The arguments of every verb; host jobs (`pull`, `unload`) take no others.

    Attributes:
        stream: False writes no deltas: the answer is in the result alone.
        priority: the lane; by default `normal`.
        tenant: whose job it is; tenants take turns. By default `default`.
        idempotency_key: the same key of a tenant gives the same job, while that is kept.
        metadata: texts that come back in the result, the status and webhooks.
        notify: a webhook that is called when the job has ended.
        start_after: seconds from the submit, up to 30 days, or a time.
        start_within: seconds until the start; then the job ends `expired`.
        stall_after: seconds without a piece of the answer; then the job fails.
        deadline: seconds of running; then the job fails. By default 900.
        wait_for_model: whether the job is queued although no host has the model.
    """

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
    """The further arguments of every verb that asks a model.

    Attributes:
        options: Ollama's, such as `num_ctx` and `temperature`.
        keep_alive: how long the model stays in memory: seconds (-1 for ever), or a text such as `10m`.
        think: whether a model that can think does, and how much.
        first_token_within: seconds until the first piece; then the job fails. By default 600.
        repetition_guard: False lets an answer repeat itself without end.
    """

    options: Options | OptionsDict
    keep_alive: str | float
    think: bool | Literal["low", "medium", "high", "max"]
    first_token_within: float
    repetition_guard: bool


class AnswerFields(CommonFields, total=False):
    """The further arguments of the verbs whose answer is a text.

    Attributes:
        truncate: True lets Ollama cut a prompt that is longer than the context, which otherwise fails the job.
        shift: False ends the answer where the context is full.
        logprobs: True asks for the logarithm of each token's probability.
        top_logprobs: of so many other tokens too, at most 20.
    """

    truncate: bool
    shift: bool
    logprobs: bool
    top_logprobs: int


class GenerateFields(AnswerFields, total=False):
    """The arguments of `generate` beside the model and the prompt.

    Attributes:
        system: the system prompt, in place of the model's.
        suffix: the text behind the answer, for models that can insert.
        raw: True sends the prompt without the model's template, where a worker has `LLAMAQ_ALLOW_RAW=1`.
        template: in place of the model's, under the same condition.
        format: `json`, or a JSON Schema. For a checked value take `extract`.
        context: the tokens of an earlier result, which the prompt goes on from.
    """

    system: str
    suffix: str
    raw: bool
    template: str
    format: Literal["json"] | JsonObject
    context: list[int]


class EmbeddingFields(CommonFields, total=False):
    """The arguments of `embed` beside the model and the input.

    Attributes:
        dimensions: how many numbers of each vector are kept.
        truncate: True cuts an input that is longer than the context, which otherwise fails the job.
    """

    dimensions: int
    truncate: bool


class ChatFields(AnswerFields, total=False):
    """The arguments of `chat` beside the model and `messages`: without those, `conversation` and `message`.

    Attributes:
        conversation: the name of a kept one.
        message: a text, a message, or a list of messages, such as the answers of tools.
        when_busy: what happens where an earlier turn has not ended. By default this one waits.
        tools: Ollama's objects.
        format: `json`, or a JSON Schema.
    """

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
    """The arguments of `multimodal` beside the model, the prompt and the images.

    Attributes:
        messages: in place of the prompt; each may have images.
        max_edge: pixels of the longer edge, to which larger images are scaled down.
    """

    system: str
    messages: Sequence[AnyMessage]
    max_edge: int
    format: Literal["json"] | JsonObject


class ExtractFields(CommonFields, total=False):
    """The arguments of `extract` beside the model, the prompt and the schema.

    Attributes:
        repairs: how often the model is asked again after an invalid answer: 0 to 5, by default 2.
        max_edge: pixels of the longer edge, to which larger images are scaled down.
    """

    system: str
    repairs: int
    max_edge: int

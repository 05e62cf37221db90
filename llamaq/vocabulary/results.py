"""What a job comes to: a typed result, or a typed error."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from llamaq.vocabulary.wire import JsonObject, dumps

T = TypeVar("T")


def adapter_of(target: type[T] | TypeAdapter[T]) -> TypeAdapter[T]:
    """What validates to the type: a pydantic model, a dataclass, a TypedDict or whatever else pydantic knows."""
    return target if isinstance(target, TypeAdapter) else pydantic.TypeAdapter(target)


class Frozen(BaseModel):
    """Immutable, and tolerant of fields that a newer worker adds."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Usage(Frozen):
    """Tokens counted by Ollama, over all calls that the last attempt made; None where it gave no count."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None


class Timings(Frozen):
    """Where the time went, in seconds; None where it was not measured.

    Attributes:
        queued: from the submit to the start of the attempt that completed.
        load: Ollama's own figure for loading the model.
        prompt: Ollama's own figure for evaluating the prompt.
        first_token: from the submit to the first piece of the answer.
        total: from the submit to the end.
    """

    queued: float | None = None
    load: float | None = None
    prompt: float | None = None
    first_token: float | None = None
    total: float | None = None


class Result(Frozen):
    """What every result has.

    Attributes:
        done_reason: Ollama's: `stop`, or `length` when the token limit cut the answer.
        metadata: the request's, as it came.
        filtered: by field of the request, how many characters the worker's filter took out; empty where it took none.
    """

    model: str
    host: str
    attempts: int
    done_reason: str | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    metadata: dict[str, str] = Field(default_factory=dict)
    filtered: dict[str, int] = Field(default_factory=dict)


class TextResult(Result):
    """Of `generate`, and of `multimodal` with a prompt."""

    text: str
    thinking: str | None = None


class ReplyMessage(Frozen):
    """The assistant's message. `tool_calls` are Ollama's objects: `{"function": {"name": ..., "arguments": {...}}}`."""

    role: str
    content: str
    thinking: str | None = None
    tool_calls: list[JsonObject] | None = None


class ChatResult(Result):
    """Of `chat`, and of `multimodal` with messages.

    Attributes:
        history_dropped: the oldest messages of a kept conversation, left out for the rest to fit the model.
    """

    message: ReplyMessage
    history_dropped: int = 0

    @property
    def text(self) -> str:
        """The message's content."""
        return self.message.content


class ExtractionResult(Result):
    """Of `extraction`: `value` is valid against the request's schema; `repairs` counts how often it was asked again."""

    value: Any
    repairs: int = 0

    def parse(self, target: type[T] | TypeAdapter[T]) -> T:
        """The value as the type that was asked for: a pydantic model, a dataclass, a TypedDict, a TypeAdapter.

        Raises:
            pydantic.ValidationError: the value is valid JSON Schema-wise, but not to `target`.
        """
        # As JSON, which it came as: a strict model takes a date's text from there alone.
        return adapter_of(target).validate_json(dumps(self.value))


class EmbeddingResult(Result):
    """Of `embedding`: one vector for each input, in their order."""

    embeddings: Sequence[Sequence[float]]


class PullResult(Result):
    """Of `pull`: the model that is on the host's disk now, and its bytes where the registry told them."""

    pulled: str
    size: int | None = None


class UnloadResult(Result):
    """Of `unload`: the model that is no longer in the host's memory."""

    unloaded: str


class ErrorInfo(Frozen):
    """Why a job failed, or is tried again.

    Attributes:
        code: `invalid_request`, `model_not_found`, `unsupported`, `context_overflow`, `invalid_output`, `timed_out`,
            `ollama_unavailable`, `ollama_error`, `attempts_exhausted` or `internal`.
        message: what happened, where, and what to do.
        retryable: whether the same request may well succeed later.
        status: the HTTP status, where there was one.
        clock: of `timed_out`: which of the four.
        text: of `invalid_output`: the last answer.
        errors: of `invalid_output`: what is wrong with it, one line for each.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    message: str
    retryable: bool = False
    status: int | None = None
    clock: str | None = None
    text: str | None = None
    errors: list[str] | None = None


_SHAPES = {
    "message": ChatResult,
    "value": ExtractionResult,
    "embeddings": EmbeddingResult,
    "pulled": PullResult,
    "unloaded": UnloadResult,
}


def _shape(fields: Any) -> str:
    if isinstance(fields, Result):
        return next((name for name, shape in _SHAPES.items() if isinstance(fields, shape)), "text")
    return next((name for name in _SHAPES if name in fields), "text")


AnyResult = TextResult | ChatResult | ExtractionResult | EmbeddingResult | PullResult | UnloadResult
TaggedResult = Annotated[
    Annotated[TextResult, Tag("text")]
    | Annotated[ChatResult, Tag("message")]
    | Annotated[ExtractionResult, Tag("value")]
    | Annotated[EmbeddingResult, Tag("embeddings")]
    | Annotated[PullResult, Tag("pulled")]
    | Annotated[UnloadResult, Tag("unloaded")],
    Field(discriminator=Discriminator(_shape)),
]
RESULT: TypeAdapter[AnyResult] = TypeAdapter(TaggedResult)

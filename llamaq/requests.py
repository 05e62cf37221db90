"""The five kinds of request, as producers write them: validated before anything is queued."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, from_json, to_json

from llamaq.errors import InvalidRequest, Problem
from llamaq.models import normalise
from llamaq.options import Options

Kind = Literal["generate", "chat", "multimodal", "extraction", "embedding"]
Lane = Literal["interactive", "normal", "batch"]
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=512)]
Tenant = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,128}$")]  # it becomes a part of keys, between colons


def _plain_json(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what would not come out as it went in: NaN, half a surrogate pair, nesting beyond what a worker reads."""
    try:
        from_json(to_json(value, inf_nan_mode="constants"), allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_plain_json)]

KINDS: tuple[Kind, ...] = ("generate", "chat", "multimodal", "extraction", "embedding")
LANES: tuple[Lane, ...] = ("interactive", "normal", "batch")


class Strict(BaseModel):
    """No unknown field, and no value of another type bent into shape."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        populate_by_name=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        # Far beyond every limit; but without one pydantic never looks at the characters, and half a surrogate pair,
        # which cannot be stored, would pass.
        str_max_length=2**31,
    )


class ToolFunction(Strict):
    """The call that a model asks for: `arguments` is an object, never a string (Ollama refuses a string)."""

    model_config = ConfigDict(extra="allow", strict=True)

    name: Name
    arguments: JsonObject


class ToolCall(Strict):
    """One entry of a message's `tool_calls`."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str | None = None
    function: ToolFunction


class Message(Strict):
    """One message of a chat. `content` may be empty only where `tool_calls` say something."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Message":
        if not self.content and not self.tool_calls:
            raise ValueError("a message needs content or tool_calls")
        return self


class Request(Strict):
    """What every kind has.

    The four clocks are in seconds: `start_within` (expires when not started by then), `first_token_within` (covers the
    load and the prompt), `stall_after` (silence between chunks) and `deadline` (the whole running time).
    """

    model: Name
    options: Options = Options()
    keep_alive: str | int | float | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    stream: bool = True
    priority: Lane = "normal"
    tenant: Tenant = "default"
    idempotency_key: Name | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    start_within: Seconds | None = None
    first_token_within: Seconds = 600.0
    stall_after: Seconds = 60.0
    deadline: Seconds = 900.0

    @field_validator("model")
    @classmethod
    def _as_ollama_does(cls, model: str) -> str:
        if not model.strip():
            raise ValueError("a model needs a name")
        return normalise(model)


class GenerateRequest(Request):
    """A completion of one prompt."""

    kind: Literal["generate"] = "generate"
    prompt: Text
    system: str | None = None
    suffix: str | None = None
    raw: bool | None = None
    template: str | None = None
    format: Literal["json"] | JsonObject | None = None


class ChatRequest(Request):
    """A turn of a chat: `messages` is the whole history; or `conversation` names a kept one, and `message` is new."""

    kind: Literal["chat"] = "chat"
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    conversation: Name | None = None
    message: Text | Message | None = None
    tools: list[JsonObject] | None = None
    format: Literal["json"] | JsonObject | None = None

    @model_validator(mode="after")
    def _one_history(self) -> "ChatRequest":
        if (self.conversation is None) != (self.message is None):
            raise ValueError("conversation and message belong together")
        if (self.messages is None) == (self.conversation is None):
            raise ValueError("give either messages, or conversation and message")
        return self


class MultimodalRequest(Request):
    """A prompt or a chat about images. An image is base64, or `sha256:<hex>` of one that the SDK has stored."""

    kind: Literal["multimodal"] = "multimodal"
    prompt: Text | None = None
    system: str | None = None
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    images: Annotated[list[Text], Field(min_length=1)]
    format: Literal["json"] | JsonObject | None = None

    @model_validator(mode="after")
    def _one_question(self) -> "MultimodalRequest":
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        if self.messages is not None and not any(message.role == "user" for message in self.messages):
            raise ValueError("messages need one with the role user, for the images to belong to")
        return self


class ExtractionRequest(Request):
    """A typed value out of a text: the answer is valid against `schema` (JSON Schema), or the job fails."""

    kind: Literal["extraction"] = "extraction"
    prompt: Text
    system: str | None = None
    images: list[Text] | None = None
    # `schema` would hide a method of pydantic's own, so the attribute has another name than the field on the wire.
    json_schema: JsonObject = Field(alias="schema")


class EmbeddingRequest(Request):
    """Vectors for one text or a list of them, in their order."""

    kind: Literal["embedding"] = "embedding"
    input: Text | Annotated[list[Text], Field(min_length=1)]


AnyRequest = GenerateRequest | ChatRequest | MultimodalRequest | ExtractionRequest | EmbeddingRequest
_ADAPTER: TypeAdapter[AnyRequest] = TypeAdapter(Annotated[AnyRequest, Field(discriminator="kind")])
REQUEST_TYPES: dict[Kind, type[AnyRequest]] = {
    "generate": GenerateRequest,
    "chat": ChatRequest,
    "multimodal": MultimodalRequest,
    "extraction": ExtractionRequest,
    "embedding": EmbeddingRequest,
}


def parse(fields: object) -> AnyRequest:
    """Validate a dict that names its `kind`.

    Raises:
        InvalidRequest: with one problem for each field that is wrong.
    """
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise InvalidRequest(_problems(error)) from error


def parse_json(text: str | bytes, kind: str | None = None) -> AnyRequest:
    """Validate a request off the wire; `kind` is the one its envelope names, where it has one.

    Raises:
        InvalidRequest: with one problem for each field that is wrong.
    """
    try:
        if kind is None:
            return _ADAPTER.validate_json(text)
        if kind not in REQUEST_TYPES:
            raise InvalidRequest.of("kind", f"{kind!r} is none of {', '.join(KINDS)}")
        return REQUEST_TYPES[kind].model_validate_json(text)
    except ValidationError as error:
        raise InvalidRequest(_problems(error)) from error


def dump_json(request: AnyRequest) -> str:
    """The request as it is kept in Redis: only what was set, so that defaults stay a matter of the reader."""
    return request.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)


def _problems(error: ValidationError) -> list[Problem]:
    return [
        Problem(_field(entry), entry["msg"].removeprefix("Value error, "))
        for entry in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _field(entry: ErrorDetails) -> str:
    if entry["type"].startswith("union_tag_"):
        return "kind"
    return ".".join(str(part) for part in entry["loc"] if part not in KINDS)

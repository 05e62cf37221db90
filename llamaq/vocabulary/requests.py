"""The kinds of request, as producers write them: validated before anything is queued."""

from typing import Annotated, Literal, get_args

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
from pydantic_core import from_json

from llamaq.vocabulary import keep_alive
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.models import checked
from llamaq.vocabulary.notify import Notify
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.problems import problems
from llamaq.vocabulary.wire import JsonObject

Kind = Literal["generate", "chat", "multimodal", "extraction", "embedding", "pull", "unload"]
Lane = Literal["interactive", "normal", "batch"]
WhenBusy = Literal["enqueue", "reject", "interrupt", "rollback"]
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Text = Annotated[str, Field(min_length=1)]
KeepAlive = Annotated[str | int | float, AfterValidator(keep_alive.checked)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]
Name = Annotated[str, Field(min_length=1, max_length=512)]
Tenant = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,128}$")]  # it becomes a part of keys, between colons


KINDS: tuple[Kind, ...] = get_args(Kind)
LANES: tuple[Lane, ...] = get_args(Lane)


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
    keep_alive: KeepAlive | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    stream: bool = True
    priority: Lane = "normal"
    tenant: Tenant = "default"
    idempotency_key: Name | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    notify: Notify | None = None
    start_within: Seconds | None = None
    first_token_within: Seconds = 600.0
    stall_after: Seconds = 60.0
    deadline: Seconds = 900.0

    @field_validator("model")
    @classmethod
    def _as_ollama_does(cls, model: str) -> str:
        return checked(model)


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
    """A turn of a chat: `messages` is the whole history; or `conversation` names a kept one, and `message` is new.

    `message` may be several (the answers of tools). `when_busy` says what becomes of a turn before it that runs.
    """

    kind: Literal["chat"] = "chat"
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    conversation: Name | None = None
    message: Text | Message | Annotated[list[Message], Field(min_length=1)] | None = None
    when_busy: WhenBusy = "enqueue"
    tools: list[JsonObject] | None = None
    format: Literal["json"] | JsonObject | None = None

    @model_validator(mode="after")
    def _one_history(self) -> "ChatRequest":
        if (self.conversation is None) != (self.message is None):
            raise ValueError("conversation and message belong together")
        if (self.messages is None) == (self.conversation is None):
            raise ValueError("give either messages, or conversation and message")
        if self.conversation is None and self.when_busy != "enqueue":
            raise ValueError("when_busy is about the turns of a conversation")
        return self


class MultimodalRequest(Request):
    """A prompt or a chat about images. An image is base64, or `sha256:<hex>` of one that the SDK has stored.

    `max_edge` (pixels) scales larger images down before they are stored; one that is stored already stays as it is.
    """

    kind: Literal["multimodal"] = "multimodal"
    prompt: Text | None = None
    system: str | None = None
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    images: Annotated[list[Text], Field(min_length=1)]
    max_edge: Pixels | None = None
    format: Literal["json"] | JsonObject | None = None

    @model_validator(mode="after")
    def _one_question(self) -> "MultimodalRequest":
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        if self.messages is not None and not any(message.role == "user" for message in self.messages):
            raise ValueError("messages need one with the role user, for the images to belong to")
        return self


class ExtractionRequest(Request):
    """A typed value out of a text: the answer is valid against `schema` (JSON Schema), or the job fails.

    An answer that is not valid is asked for again, with what is wrong with it, at most `repairs` times.
    """

    kind: Literal["extraction"] = "extraction"
    prompt: Text
    system: str | None = None
    images: list[Text] | None = None
    max_edge: Pixels | None = None
    # `schema` would hide a method of pydantic's own, so the attribute has another name than the field on the wire.
    json_schema: JsonObject = Field(alias="schema")
    repairs: Annotated[int, Field(ge=0, le=5)] = 2

    @model_validator(mode="after")
    def _scales_something(self) -> "ExtractionRequest":
        if self.max_edge is not None and not self.images:
            raise ValueError("max_edge is about images, and there are none")
        return self


class EmbeddingRequest(Request):
    """Vectors for one text or a list of them, in their order."""

    kind: Literal["embedding"] = "embedding"
    input: Text | Annotated[list[Text], Field(min_length=1)]


class ChoreRequest(Request):
    """Work on a host and its models, not with one: it holds no model's slot."""

    @model_validator(mode="after")
    def _asks_no_model(self) -> "ChoreRequest":
        for field in sorted({"options", "keep_alive", "think"} & self.model_fields_set):
            raise ValueError(f"{field} is for requests to a model")
        return self


class PullRequest(ChoreRequest):
    """Pull a model that is on the workers' list (`LLAMAQ_PULL_ALLOWED`), on one host: `host`, or any."""

    kind: Literal["pull"] = "pull"
    host: Name | None = None
    stall_after: Seconds = 600.0  # a large file is checked in silence
    deadline: Seconds = 86_400.0


class UnloadRequest(ChoreRequest):
    """Take a model out of a host's memory, once it is idle."""

    kind: Literal["unload"] = "unload"
    host: Name


AnyRequest = (
    GenerateRequest
    | ChatRequest
    | MultimodalRequest
    | ExtractionRequest
    | EmbeddingRequest
    | PullRequest
    | UnloadRequest
)
_ADAPTER: TypeAdapter[AnyRequest] = TypeAdapter(Annotated[AnyRequest, Field(discriminator="kind")])
REQUEST_TYPES: dict[Kind, type[AnyRequest]] = {
    shape.model_fields["kind"].default: shape for shape in get_args(AnyRequest)
}


def parse(fields: object) -> AnyRequest:
    """Validate a dict that names its `kind`.

    Raises:
        InvalidRequest: with one problem for each field that is wrong.
    """
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise InvalidRequest(problems(error, fields)) from error


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
        raise InvalidRequest(problems(error, _read(text))) from error


def dump_json(request: AnyRequest) -> str:
    """The request as it is kept in Redis: only what was set, so that defaults stay a matter of the reader."""
    return request.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)


def _read(text: str | bytes) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None

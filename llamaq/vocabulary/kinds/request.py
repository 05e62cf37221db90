"""The fields that the requests of all kinds have, and the messages of a chat."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from llamaq.vocabulary.kinds.keep_alive import ollama_keep_alive
from llamaq.vocabulary.models import model_name
from llamaq.vocabulary.notify import Notify
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.text_rules import COUNTED, MODEL_JSON, MODEL_TEXT, not_a_text
from llamaq.vocabulary.wire import JsonExtra, JsonObject, Strict

Lane = Literal["interactive", "normal", "batch"]
LANES: tuple[Lane, ...] = get_args(Lane)
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty; each field adds its rule."""
Prompt = Annotated[Text, MODEL_TEXT]
ModelText = Annotated[str, MODEL_TEXT]
Name = Annotated[str, Field(min_length=1, max_length=512), not_a_text("an identifier")]
Tenant = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9._@-]{1,128}$"),  # it becomes a part of keys, between colons
    not_a_text("an identifier"),
]
KeepAlive = Annotated[str | int | float, AfterValidator(ollama_keep_alive), not_a_text("a duration")]
Pixels = Annotated[int, Field(ge=1, le=100_000)]
Image = Annotated[Text, not_a_text("base64, or the reference of a stored image")]


class ToolFunction(Strict, extra="allow"):
    """The call of a tool. `arguments` is an object; Ollama refuses a string."""

    __pydantic_extra__: dict[str, JsonExtra] = Field(init=False)
    name: Annotated[str, Field(min_length=1, max_length=512), MODEL_TEXT]
    arguments: Annotated[JsonObject, MODEL_JSON]


class ToolCall(Strict, extra="allow"):
    """One entry of a message's `tool_calls`."""

    __pydantic_extra__: dict[str, JsonExtra] = Field(init=False)
    id: ModelText | None = None
    function: ToolFunction


class Message(Strict):
    """One message of a chat. `content` may be empty only where there are `tool_calls`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: ModelText = ""
    thinking: ModelText | None = None
    tool_calls: Annotated[list[ToolCall], MODEL_JSON] | None = None
    tool_name: ModelText | None = None

    @model_validator(mode="after")
    def _has_content(self) -> "Message":
        if not self.content and not self.tool_calls:
            raise ValueError("a message needs content or tool_calls")
        return self


Messages = Annotated[list[Message], Field(min_length=1)]


class Request(Strict):
    """The fields of every request.

    The four clocks are in seconds: `start_within` (until the start), `first_token_within` (with the load and the
    prompt), `stall_after` (silence between chunks; by default 60, or 600 where Ollama may hold the answer back until it
    is whole: with tools, a format or thinking) and `deadline` (the running time of all attempts).

    `repetition_guard` ends an answer that repeats itself without end, with the `done_reason` `repetition`.
    """

    model: Name
    options: Options = Options()
    keep_alive: KeepAlive | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    stream: bool = True
    priority: Lane = "normal"
    tenant: Tenant = "default"
    idempotency_key: Name | None = None
    metadata: Annotated[dict[str, str], COUNTED] = Field(default_factory=dict)
    notify: Notify | None = None
    start_within: Seconds | None = None
    first_token_within: Seconds = 600.0
    stall_after: Seconds | None = None
    deadline: Seconds = 900.0
    repetition_guard: bool = True

    @field_validator("model")
    @classmethod
    def _as_ollama_does(cls, model: str) -> str:
        return model_name(model)


class HostJobRequest(Request):
    """A host job: it works on a host's models, not with one, and takes no slot."""

    host: Name | None = None

    @model_validator(mode="after")
    def _asks_no_model(self) -> "HostJobRequest":
        for field in sorted({"options", "keep_alive", "think", "repetition_guard"} & self.model_fields_set):
            raise ValueError(f"{field} is for requests to a model")
        return self

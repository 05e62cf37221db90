"""The fields that the requests of all kinds have."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from llamaq.vocabulary.kinds.keep_alive import parse_keep_alive
from llamaq.vocabulary.kinds.message import Text
from llamaq.vocabulary.models import parse_model_name
from llamaq.vocabulary.notify import Notify
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.text_rules import ANSWER_SCHEMA, COUNTED, MODEL_TEXT, not_a_text
from llamaq.vocabulary.wire import JsonObject, Strict

Lane = Literal["interactive", "normal", "batch"]
LANES: tuple[Lane, ...] = get_args(Lane)
Seconds = Annotated[float, Field(gt=0, le=604_800)]
FIRST_TIME = 1e9
"""A number of seconds from here on is a time, in Unix seconds (of 2001); one below is a duration."""


def _to_unix_time(given: Any) -> Any:
    """The Unix seconds of a time, which may be a datetime, or a text in ISO 8601."""
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return given
    if not isinstance(given, datetime):
        return given
    if given.tzinfo is None:
        raise ValueError("a time needs a zone, such as +01:00")
    return given.timestamp()


Start = Annotated[
    Annotated[float, Field(gt=0, le=2_592_000)] | Annotated[float, Field(ge=FIRST_TIME, le=4.1e9)],
    BeforeValidator(_to_unix_time),
]
"""Seconds from the submit, up to 30 days; or a time, as a datetime, or in Unix seconds, up to the year 2099."""
Prompt = Annotated[Text, MODEL_TEXT]
Name = Annotated[str, Field(min_length=1, max_length=512), not_a_text("an identifier")]
Tenant = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9._@-]{1,128}$"),  # it becomes a part of keys, between colons
    not_a_text("an identifier"),
]
KeepAlive = Annotated[str | int | float, AfterValidator(parse_keep_alive), not_a_text("a duration")]
AnswerFormat = Annotated[
    Literal["json"] | JsonObject | None,
    # Clients of Ollama write an empty text for none, and it takes that.
    BeforeValidator(lambda given: None if given == "" else given),
    ANSWER_SCHEMA,
]
Pixels = Annotated[int, Field(ge=1, le=100_000)]


def _drop_nulls(value: Any) -> Any:
    """Null is absent here too; `[]` is PHP's empty object."""
    if value == []:
        return {}
    return {name: text for name, text in value.items() if text is not None} if isinstance(value, Mapping) else value


class Request(Strict):
    """The fields of every request.

    `start_after` is when the job may start: seconds from the submit, or a time. It gets no slot before.

    The four clocks are in seconds: `start_within` (until the start, from when it may start), `first_token_within` (with
    the load and the prompt), `stall_after` (silence between chunks; by default 60, or 600 where Ollama may hold the
    answer back until it is whole: with tools, a format or thinking) and `deadline` (the running time of all attempts).

    `repetition_guard` ends an answer that repeats itself without end, with the `done_reason` `repetition`.
    """

    model: Name
    # Copied, because `Options()` takes four times as long, and of a default each field would be copied.
    options: Options = Field(default_factory=Options.model_construct().__copy__)
    keep_alive: KeepAlive | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None
    stream: bool = True
    priority: Lane = "normal"
    tenant: Tenant = "default"
    idempotency_key: Name | None = None
    metadata: Annotated[dict[str, str], BeforeValidator(_drop_nulls), COUNTED] = Field(default_factory=dict)
    notify: Notify | None = None
    start_after: Start | None = None
    start_within: Seconds | None = None
    first_token_within: Seconds = 600.0
    stall_after: Seconds | None = None
    deadline: Seconds = 900.0
    repetition_guard: bool = True

    @field_validator("model")
    @classmethod
    def _normalise_model(cls, model: str) -> str:
        return parse_model_name(model)


class AnswerRequest(Request):
    """The further fields of the kinds that answer with text. They are Ollama's.

    `truncate` lets Ollama cut a prompt that is longer than the context, which otherwise fails the job with
    `context_overflow`. Without `shift` an answer ends where the context is full. `logprobs` asks for the logarithm of
    each token's probability, and `top_logprobs` for those of so many others.
    """

    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None


class HostJobRequest(Request):
    """A host job: it works on a host's models, not with one, and takes no slot."""

    host: Name | None = None
    takes: ClassVar[frozenset[str]] = frozenset()
    """The fields of a request to a model that the kind takes all the same."""

    @model_validator(mode="after")
    def _refuse_model_fields(self) -> "HostJobRequest":
        of_a_model = {"options", "keep_alive", "think", "repetition_guard"} - self.takes
        for field in sorted(of_a_model & self.model_fields_set):
            raise ValueError(f"{field} is for requests to a model")
        return self

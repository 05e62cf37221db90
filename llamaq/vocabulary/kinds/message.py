"""The messages of a chat, as Ollama reads them."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator
from pydantic_core import from_json

from llamaq.vocabulary.text_rules import MODEL_JSON, MODEL_TEXT, not_a_text
from llamaq.vocabulary.wire import JsonExtra, JsonObject, Strict, check_json

Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty; each field adds its rule."""
ModelText = Annotated[str, MODEL_TEXT]
Image = Annotated[Text, not_a_text("base64, or the reference of a stored image")]
Role = Annotated[
    str,
    Field(pattern=r"^\w[\w. -]{0,63}$"),  # no bracket or colon, so that no control token can stand here
    AfterValidator(str.lower),  # as Ollama does
    not_a_text("an identifier"),
]
ALIKE = 0.8
"""A name that is so like a known one (by difflib's ratio) is a misspelling: "contnet", "toolCallId"."""


def _parse_arguments(value: Any) -> Any:
    """Parse the text of JSON that OpenAI's clients write, which Ollama refuses. PHP has `[]` for an empty object."""
    found = value
    if isinstance(value, str):
        try:
            found = from_json(value.encode(errors="surrogatepass"), allow_inf_nan=False) if value.strip() else {}
        except ValueError as error:
            raise ValueError(f"must be an object, or one as a text of JSON, which this is not: {error}") from None
    if found in ([], None):
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"must be an object, or one as a text of JSON, not {str(value)[:40]!r}")  # noqa: TRY004 - pydantic reports only a ValueError as the field's problem
    return found


def _check_content(value: Any) -> Any:
    if isinstance(value, list):
        raise ValueError("must be one text: give the texts of the parts joined, and images in the message's `images`")  # noqa: TRY004 - pydantic reports only a ValueError as the field's problem
    return value


class ToolFunction(Strict, extra="allow"):
    """The call of a tool. `arguments` is an object; a text of its JSON, as of OpenAI's clients, becomes one."""

    __pydantic_extra__: dict[str, JsonExtra] = Field(init=False)
    name: Annotated[str, Field(min_length=1, max_length=512), MODEL_TEXT]
    arguments: Annotated[JsonObject, BeforeValidator(_parse_arguments), MODEL_JSON]

    @model_validator(mode="before")
    @classmethod
    def _default_arguments(cls, given: Any) -> Any:
        no_arguments = isinstance(given, Mapping) and given.get("arguments") is None
        return {**given, "arguments": {}} if no_arguments else given


class ToolCall(Strict, extra="allow"):
    """One entry of a message's `tool_calls`."""

    __pydantic_extra__: dict[str, JsonExtra] = Field(init=False)
    id: ModelText | None = None
    function: ToolFunction


class Message(Strict):
    """One message of a chat. Beside the role each field may be absent, null or empty.

    `images` are base64 or `sha256:<hex>` of stored ones. Fields that Ollama does not read are dropped, such as `name`
    or those of a `KeptMessage`; a name that is nearly one of the fields here is refused as a misspelling.
    """

    role: Role
    content: Annotated[ModelText, BeforeValidator(_check_content)] = ""
    thinking: ModelText | None = None
    images: list[Image] | None = None
    tool_calls: Annotated[list[ToolCall], MODEL_JSON] | None = None
    tool_name: ModelText | None = None
    tool_call_id: ModelText | None = None

    @model_validator(mode="before")
    @classmethod
    def _normalise_fields(cls, given: Any) -> Any:
        if isinstance(given, BaseModel) and not isinstance(given, cls):  # an answer of ours, handed back
            given = given.model_dump()
        if not isinstance(given, Mapping):
            return given
        # Go matches names of fields in any case.
        named = {name.lower() if str(name).lower() in cls.model_fields else name: given[name] for name in given}
        foreign = {name: named[name] for name in named if name not in cls.model_fields}
        check_json(foreign)
        misspelt = {name for name in foreign if get_close_matches(str(name).lower(), cls.model_fields, 1, ALIKE)}
        return {name: value for name, value in named.items() if name not in foreign or name in misspelt}


def _check_list(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError('give a list of messages, such as [{"role": "user", "content": ...}]')  # noqa: TRY004 - pydantic's
    if isinstance(value, Mapping | Message):
        raise ValueError("give a list of messages, also for a single one")  # noqa: TRY004 - as above
    return value


Messages = Annotated[list[Message], Field(min_length=1)]
History = Annotated[Messages, BeforeValidator(_check_list)]
"""As `Messages`, where neither a text nor a single message can be meant."""

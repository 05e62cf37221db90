"""extraction: a typed value out of a text."""

from typing import Annotated, Any, Generic, Literal, Self

from pydantic import Field, PrivateAttr, TypeAdapter, model_validator
from typing_extensions import TypeVar

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.message import Image, ModelText
from llamaq.vocabulary.kinds.request import Pixels, Prompt, Request
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.kinds.value_type import resolve_type
from llamaq.vocabulary.text_rules import ANSWER_SCHEMA
from llamaq.vocabulary.wire import JsonObject, Strict, dumps

T = TypeVar("T")
V = TypeVar("V", default=Any)
MOST_ERRORS = 10
"""The errors of one answer that the model and the producer get, whether a schema or a type refuses it."""


class RefusedAnswer(Strict):
    """An earlier answer, which was valid against the schema, and why it is refused: a line for each error."""

    text: ModelText
    errors: Annotated[list[ModelText], Field(min_length=1)]


class ExtractionRequest(Request):
    """A typed value out of a text: the answer is valid against `schema` (JSON Schema), or the job fails.

    After an invalid answer the model is asked again with the errors, at most `repairs` times. With a `refused_answer`
    it is asked like that from the beginning.
    """

    kind: Literal["extraction"] = "extraction"
    prompt: Prompt
    system: ModelText | None = None
    images: list[Image] | None = None
    max_edge: Pixels | None = None
    # `schema` is a method of pydantic's models, so the attribute has another name than the field on the wire.
    json_schema: Annotated[JsonObject, ANSWER_SCHEMA] = Field(alias="schema")
    repairs: Annotated[int, Field(ge=0, le=5)] = 2
    refused_answer: RefusedAnswer | None = None

    @model_validator(mode="after")
    def _check_max_edge(self) -> "ExtractionRequest":
        if self.max_edge is not None and not self.images:
            raise ValueError("max_edge is about images, and there are none")
        return self


class ExtractionResult(Result, Generic[V]):
    """The result of `extraction`: `value` is valid against the schema; `repairs` counts the repeated requests."""

    value: V
    repairs: int = 0
    _as_json: Any = PrivateAttr(default=None)

    def parse(self, target: type[T] | TypeAdapter[T]) -> T:
        """The value as the type that was asked for: a pydantic model, a dataclass, a TypedDict, a TypeAdapter.

        Raises:
            pydantic.ValidationError: the value is valid against the JSON Schema, but not for `target`.
            TypeError: `target` is no type.
        """
        # As JSON, because a strict model takes the text of a date from JSON alone.
        return resolve_type(target).validate_json(dumps(self.value if self._as_json is None else self._as_json))

    def typed(self, target: TypeAdapter[Any]) -> Self:
        """The result with the value as this type. Raises as `parse`."""
        found = self.model_copy(update={"value": self.parse(target)})
        found._as_json = self.value if self._as_json is None else self._as_json  # noqa: SLF001 - of this class
        return found


DECLARATION = Declaration(
    request=ExtractionRequest,
    results=(ExtractionResult,),
    endpoints=(Endpoint.CHAT,),
    summary="a value that is valid against a JSON Schema",
    needs={"completion": "model", "vision": "images", "thinking": "think"},
)

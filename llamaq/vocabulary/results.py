"""The end of a job: a typed result of one of the kinds, or a typed error."""

from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Discriminator, GetCoreSchemaHandler, Tag, TypeAdapter
from pydantic_core import CoreSchema

from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.kinds.embedding import EmbeddingResult
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.kinds.generate import TextResult
from llamaq.vocabulary.kinds.load import LoadResult
from llamaq.vocabulary.kinds.pull import PullResult
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.kinds.unload import UnloadResult
from llamaq.vocabulary.wire import Frozen

AnyResult = TextResult | ChatResult | ExtractionResult | EmbeddingResult | PullResult | UnloadResult | LoadResult
RESULT_TYPES: tuple[type[Result], ...] = get_args(AnyResult)


class ErrorInfo(Frozen):
    """The error of a job that failed or is retried.

    Attributes:
        code: `invalid_request`, `model_not_found`, `unsupported`, `context_overflow`, `invalid_output`, `timed_out`,
            `ollama_unavailable`, `ollama_error`, `attempts_exhausted` or `internal`.
        message: what happened and where, and the remedy.
        retryable: whether the same request may succeed later.
        status: the HTTP status, where there was one.
        said: Ollama's own text of the error, as it stands in its answer, where it gave one.
        reason: `drained` where the worker stopped in order: the attempt did not fail, and does not count as a try.
        clock: of `timed_out`: the name of the clock that ran out.
        text: of `invalid_output`: the last answer.
        errors: of `invalid_output`: the errors of that answer, one line each.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="allow")

    code: str
    message: str
    retryable: bool = False
    status: int | None = None
    said: str | None = None
    reason: str | None = None
    clock: str | None = None
    text: str | None = None
    errors: list[str] | None = None


def tag_of(shape: type[Result]) -> str:
    """The field that identifies this model of a result: the first of its own."""
    return next(name for name in shape.model_fields if name not in Result.model_fields)


class _ByItsOwnField:
    """Reads a result as the model whose own field it has; without any, as a text result."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        shapes = {tag_of(shape): shape for shape in get_args(source)}
        fallback = tag_of(TextResult)
        others = [tag for tag in shapes if tag != fallback]

        def tag(value: Any) -> str:
            if isinstance(value, Result):
                return tag_of(type(value))
            return next((name for name in others if isinstance(value, dict) and name in value), fallback)

        union: Any = None
        for name, shape in shapes.items():
            tagged = Annotated[shape, Tag(name)]  # type: ignore[valid-type]  # made while the program runs
            union = tagged if union is None else union | tagged
        return handler.generate_schema(Annotated[union, Discriminator(tag)])


TaggedResult = Annotated[AnyResult, _ByItsOwnField()]
RESULT: TypeAdapter[AnyResult] = TypeAdapter(TaggedResult, config=ConfigDict(defer_build=True))

"""The registry of the kinds of job, and the parsing of their requests."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds import chat, embedding, extraction, generate, load, multimodal, pull, unload
from llamaq.vocabulary.kinds.declaration import Declaration
from llamaq.vocabulary.problems import translate_error

# Type checkers cannot derive them, so they are written here; a test compares them with the declarations.
Kind = Literal["generate", "chat", "multimodal", "extraction", "embedding", "pull", "unload", "load"]
AnyRequest = (
    generate.GenerateRequest
    | chat.ChatRequest
    | multimodal.MultimodalRequest
    | extraction.ExtractionRequest
    | embedding.EmbeddingRequest
    | pull.PullRequest
    | unload.UnloadRequest
    | load.LoadRequest
)

KINDS: tuple[Kind, ...] = get_args(Kind)
DECLARATIONS: Mapping[str, Declaration] = {
    module.DECLARATION.kind: module.DECLARATION
    for module in (generate, chat, multimodal, extraction, embedding, pull, unload, load)
}
HOST_JOBS: tuple[str, ...] = tuple(kind for kind, declared in DECLARATIONS.items() if declared.host_job)
REQUEST_TYPES: dict[str, type[AnyRequest]] = {
    shape.model_fields["kind"].default: shape for shape in get_args(AnyRequest)
}
_ADAPTER: TypeAdapter[AnyRequest] = TypeAdapter(
    Annotated[AnyRequest, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def build_validator() -> None:
    """Build the validator of requests now, and not at its first use, where each of many threads would build it."""
    _ADAPTER.rebuild()


def parse(fields: object) -> AnyRequest:
    """Validate a dict that names its `kind`.

    Raises:
        InvalidRequest: with one problem for each field that is wrong.
    """
    try:
        return _ADAPTER.validate_python(fields)
    except ValidationError as error:
        raise InvalidRequest(translate_error(error, fields, _model_of(fields))) from error


def parse_json(text: str | bytes, kind: str | None = None) -> AnyRequest:
    """Validate a request as JSON. `kind` is the one that is given beside it, where there is one.

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
        given = _load_json(text)
        raise InvalidRequest(translate_error(error, given, _model_of(given, kind))) from error


def dump_json(request: AnyRequest) -> str:
    """The request as it is kept in Redis, without defaults, so that a reader's own apply."""
    # To find that no option is set, pydantic would make and compare new options. That takes half of the time.
    unset = None if request.options.model_fields_set else {"options"}
    return _ADAPTER.dump_json(request, by_alias=True, exclude_none=True, exclude_defaults=True, exclude=unset).decode()


def _model_of(fields: object, kind: str | None = None) -> type[AnyRequest] | None:
    named = fields.get("kind") if isinstance(fields, Mapping) else None
    return REQUEST_TYPES.get(kind or (named if isinstance(named, str) else ""))


def _load_json(text: str | bytes) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None

"""The metadata of a host: models on disk, models in memory, and one model in detail.

To accept servers of many versions, every field but the name has a default, null counts as absent, and unknown fields
are ignored.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Strict,
    ValidationError,
    model_validator,
)

from api_client.shapes.reading import Count, Shape, find_problem

LONGEST_VERSION = 100
# keep_alive -1 is told as a date 292 years ahead, which is the most that Go's durations hold.
NEVER = datetime(2500, 1, 1, tzinfo=UTC)
MOST_TOKENS = 2**31
LONGEST_NAME = 100
_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)


def _parse_moment(value: object) -> datetime | None:
    """Parse a date of Go's. Its year 1 means that none is set. Without a zone, it is read as UTC."""
    if not isinstance(value, str):
        raise ValueError("a date as text")  # noqa: TRY004 - pydantic reports only a ValueError as the field's problem
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("a date as text") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(moment, NEVER) if moment >= _FIRST_MOMENT else None


# Leaves are strict. Collections are not: JSON has only lists, which a strict tuple refuses here.
Text = Annotated[str, Strict()]
Number = Annotated[Count, Strict()]
Moment = Annotated[datetime | None, BeforeValidator(_parse_moment)]


class Metadata(BaseModel):
    """Metadata of any version: new, missing and null fields are accepted.

    Attributes:
        entry: What the server wrote, with the fields that are not known here; empty where it was not read from one.
    """

    # pydantic reserves names that begin with "model_", as Ollama's field `model_info` does.
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())

    _entry: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def entry(self) -> dict[str, Any]:
        """See above."""
        return self._entry

    @model_validator(mode="wrap")
    @classmethod
    def _drop_nulls(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            return read(value)
        metadata = read({name: field for name, field in value.items() if field is not None})
        metadata._entry = value  # noqa: SLF001 - its own
        return metadata


AnyModel = TypeVar("AnyModel", bound=Metadata)


class Details(Metadata):
    """Details of a model's weights.

    Attributes:
        context_length: Tokens the model was trained for; None on servers that do not tell it here.
        embedding_length: Numbers in an embedding, or None.
    """

    format: Text = ""
    family: Text = ""
    families: tuple[Text, ...] = ()
    parameter_size: Text = ""
    quantization_level: Text = ""
    context_length: Number | None = None
    embedding_length: Number | None = None


class InstalledModel(Metadata):
    """A model on the host's disk.

    Attributes:
        size: Bytes on disk.
        capabilities: "completion", "vision", "tools", ...; None where the server is too old to tell (ask `show`).
        remote_host: Where it runs, such as "https://ollama.com:443"; empty for a model of this host.
    """

    name: Text
    model: Text = ""
    modified_at: Moment = None
    size: Number = 0
    digest: Text = ""
    details: Details = Details()
    capabilities: frozenset[Text] | None = None
    remote_host: Text = ""


class RunningModel(Metadata):
    """A model in the host's memory. Models of the same weights share one entry, under the name loaded first.

    Attributes:
        size: Bytes in memory, of both kinds.
        size_vram: Bytes of these on a GPU; 0 on CPU.
        expires_at: When it is unloaded if no request uses it; centuries ahead for "never".
        context_length: Tokens per slot as loaded; None on servers that do not tell.
    """

    name: Text
    model: Text = ""
    size: Number = 0
    size_vram: Number = 0
    digest: Text = ""
    details: Details = Details()
    expires_at: Moment = None
    context_length: Number | None = None


class ModelCard(Metadata):
    """One model in detail.

    Attributes:
        parameters: The model file's parameters as one text.
        info: The weights' metadata, with names such as "llama.context_length".
        capabilities: As of `InstalledModel`.
    """

    modelfile: Text = ""
    parameters: Text = ""
    template: Text = ""
    details: Details = Details()
    info: dict[str, Any] = Field(default_factory=dict, validation_alias="model_info")
    capabilities: frozenset[Text] | None = None
    modified_at: Moment = None

    @property
    def context_length(self) -> int | None:
        """Tokens the model was trained for, or None."""
        return self._read_count("context_length")

    @property
    def embedding_length(self) -> int | None:
        """Numbers in an embedding, or None."""
        return self._read_count("embedding_length")

    def _read_count(self, name: str) -> int | None:
        value = self.info.get(f"{self.info.get('general.architecture')}.{name}")
        return value if type(value) is int and 0 < value < MOST_TOKENS else None


class Listing(tuple[AnyModel, ...]):
    """The models of a list. What cannot be read is left out: a field, or an entry that has no name.

    So one odd model does not hide the others, and servers that only pose as Ollama can be used.

    Attributes:
        problems: What was left out, in words.
    """

    problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, kind: type[AnyModel], entries: Iterable[Any]) -> Self:
        """Read each entry."""
        models: list[AnyModel] = []
        problems: list[str] = []
        for number, entry in enumerate(entries):
            try:
                models.append(kind.model_validate(entry))
            except ValidationError as error:
                field, problem = find_problem(error)
                name = entry.get("name") if isinstance(entry, dict) else None
                of = f" of {name[:LONGEST_NAME]!r}" if isinstance(name, str) and field != "name" else ""
                problems.append(f"models.{number}{'.' * bool(field)}{field}{of} {problem}")
                if isinstance(name, str):
                    odd = {problem["loc"][0] for problem in error.errors(include_url=False)}
                    models.append(kind.model_validate({key: entry[key] for key in entry if key not in odd}))
        listing = cls(models)
        listing.problems = tuple(problems)
        return listing


class Listed(Metadata):
    """The answer of /api/tags and /api/ps; its entries are read one by one."""

    models: tuple[Any, ...] = ()


class Version(Metadata):
    """The answer of /api/version."""

    version: Annotated[Text, Field(max_length=LONGEST_VERSION)] = ""


LISTED = Shape(Listed)
MODEL_CARD = Shape(ModelCard)
VERSION = Shape(Version)

"""A `TypedDict` of `typing` as the type of a value: pydantic itself takes it only from Python 3.12 on."""

import sys
import typing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, NotRequired, Required, TypedDict, TypeVar

import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_jsonable_python

from llamaq import ExtractionResult, InvalidRequest
from llamaq.extraction.partials import Partials
from llamaq.extraction.schema import schema_of
from llamaq.vocabulary.events import Delta
from llamaq.vocabulary.kinds.value_type import adapter_of

T = TypeVar("T")


class Author(TypedDict):
    name: Annotated[str, Field(min_length=2)]


class Book(TypedDict, total=False):
    """A book."""

    title: Required[str]
    year: int
    author: Author | None
    sequels: "list[Book]"


class Novel(Book):
    pages: int
    genre: NotRequired[Literal["science fiction", "other"]]


class Page(TypedDict, Generic[T]):
    items: list[T]


@dataclass
class Shelf:
    first: Author
    others: "list[Book]" = field(default_factory=list)
    inner: "Shelf | None" = None


@dataclass
class Boxed(Generic[T]):
    content: T


class Pair(NamedTuple):
    author: Author
    shelf: Shelf | None = None


class GenericPair(NamedTuple, Generic[T]):
    one: T
    two: Author


class Outer(TypedDict):
    shelf: Shelf
    pair: NotRequired[Pair]


class OfExtensions(typing_extensions.TypedDict):
    author: Author


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    author: Author
    pair: "Pair | None" = None


Writer = NewType("Writer", Author)  # type: ignore[valid-newtype]
Alias = typing_extensions.TypeAliasType("Alias", list[Author])
Bound = TypeVar("Bound", bound=Author)


@dataclass
class OfBound(Generic[Bound]):
    content: Bound


FRANK: Author = {"name": "Frank"}
DUNE: Book = {"title": "Dune", "author": {"name": "Frank Herbert"}, "sequels": [{"title": "Dune Messiah"}]}


@pytest.mark.parametrize(
    ("target", "value"),
    [
        (Book, DUNE),
        (Novel, {**DUNE, "pages": 412}),
        (list[Book], [DUNE]),
        (dict[str, Author], {"a": {"name": "Frank"}}),
        (Author | None, None),
        (Annotated[tuple[Author, ...], Field(min_length=1)], ({"name": "Frank"},)),
        (Page[Author], {"items": [{"name": "Frank"}]}),
        (Page[int] | Page[Author], {"items": [{"name": "Frank"}]}),
        (Shelf, Shelf(FRANK, [DUNE], Shelf(FRANK))),
        (list[Shelf | None], [None, Shelf(FRANK)]),
        (Boxed[Author], Boxed(FRANK)),
        (Boxed[list[Shelf]], Boxed([Shelf(FRANK)])),
        (OfBound, OfBound(FRANK)),
        (Pair, Pair(FRANK, Shelf(FRANK))),
        (GenericPair[Shelf], GenericPair(Shelf(FRANK), FRANK)),
        (Outer, {"shelf": Shelf(FRANK), "pair": Pair(FRANK)}),
        (Page[Pair], {"items": [Pair(FRANK)]}),
        (dict[str, Annotated[Boxed[Pair], Field(title="x")]], {"a": Boxed(Pair(FRANK))}),
        (OfExtensions, {"author": FRANK}),
        (Writer, FRANK),
        (Alias, [FRANK]),
    ],
    ids=str,
)
def test_it_is_taken_wherever_it_stands(target: Any, value: Any) -> None:
    """By itself, in lists, dicts and unions, with members of its own kind, inherited and generic."""
    assert schema_of(target)
    result = ExtractionResult[Any].model_construct(value=to_jsonable_python(value), host="h", attempts=1, model="m")
    assert result.parse(target) == value


def test_its_keys_are_those_that_it_says() -> None:
    """Which must be there, which may be left out, and the constraints of each."""
    found = schema_of(Novel)

    assert found["required"] == ["title", "pages"]
    assert found["properties"].keys() == {"title", "year", "author", "sequels", "pages", "genre"}
    assert schema_of(Book)["$defs"]["Book"]["description"] == "A book."
    with pytest.raises(ValidationError, match=r"author\.name"):
        adapter_of(Book).validate_python({"title": "Dune", "author": {"name": "F"}})


def test_a_model_whose_build_is_deferred_may_have_it() -> None:
    """Any other model with one is refused by pydantic where it is defined."""
    assert schema_of(list[Deferred])
    assert adapter_of(Deferred).validate_python({"author": FRANK}).author == FRANK


def test_the_types_are_left_as_they_were() -> None:
    """Others inherit from them, and ask what they are, before and after."""
    adapter_of(Outer)

    class Later(Book):
        more: int

    assert typing.is_typeddict(Book)
    assert ("__orig_bases__" in vars(Novel)) == (sys.version_info >= (3, 12))
    assert schema_of(Later)["required"] == ["title", "more"]


def test_threads_may_ask_at_once() -> None:
    """For the same types."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: schema_of(Outer), range(40)))
    assert found == [schema_of(Outer)] * 40


def test_partials_of_it_grow() -> None:
    """As of any other type: a key appears with its value."""
    partials = Partials(Book)
    delta = Delta(cursor="1-1", attempt=1, at=datetime.now(UTC), text='{"title": "Du')

    assert list(partials.take(delta)) == [{"title": "Du"}]


def test_partials_of_what_holds_it_grow() -> None:
    """Its builders are made for each type inside."""
    target: Any = list[Boxed[Pair]] | Shelf
    partials: Partials[Any] = Partials(target)
    text = '{"first": {"name": "Frank"}, "others": [{"title": "Du'
    delta = Delta(cursor="1-1", attempt=1, at=datetime.now(UTC), text=text)

    assert list(partials.take(delta)) == [Shelf(FRANK, [{"title": "Du"}])]


def test_a_name_that_means_nothing_is_told() -> None:
    """A member whose type is not known there."""

    class Loose(TypedDict):
        x: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - on purpose

    with pytest.raises(InvalidRequest, match="Nowhere"):
        schema_of(Loose)

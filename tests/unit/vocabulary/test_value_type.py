"""A `TypedDict` of `typing` as the type of a value: pydantic itself takes it only from Python 3.12 on."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, NotRequired, Required, TypedDict, TypeVar

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from llamaq import ExtractionResult, InvalidRequest
from llamaq.extraction.partials import Partials
from llamaq.extraction.schema import schema_of
from llamaq.vocabulary.events import Delta
from llamaq.vocabulary.kinds.value_type import adapter_of, known

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
    ],
    ids=str,
)
def test_it_is_taken_wherever_it_stands(target: Any, value: Any) -> None:
    """By itself, in lists, dicts and unions, with members of its own kind, inherited and generic."""
    assert schema_of(target)
    result = ExtractionResult[Any].model_construct(value=value, host="h", attempts=1, model="m")
    assert result.parse(target) == value


def test_its_keys_are_those_that_it_says() -> None:
    """Which must be there, which may be left out, and the constraints of each."""
    found = schema_of(Novel)

    assert found["required"] == ["title", "pages"]
    assert found["properties"].keys() == {"title", "year", "author", "sequels", "pages", "genre"}
    assert schema_of(Book)["$defs"]["Book"]["description"] == "A book."
    with pytest.raises(ValidationError, match=r"author\.name"):
        adapter_of(Book).validate_python({"title": "Dune", "author": {"name": "F"}})


def test_partials_of_it_grow() -> None:
    """As of any other type: a key appears with its value."""
    partials = Partials(Book)
    delta = Delta(cursor="1-1", attempt=1, at=datetime.now(UTC), text='{"title": "Du')

    assert list(partials.take(delta)) == [{"title": "Du"}]


def test_what_has_none_stays_the_same_object() -> None:
    """Only where there is such a TypedDict the type is made anew."""
    for target in (list[int], Literal["a"], dict[str, int | None], int, TypeAdapter(int)):
        assert known(target) is target


def test_a_name_that_means_nothing_is_told() -> None:
    """A member whose type is not known there."""

    class Loose(TypedDict):
        x: "Nowhere"  # type: ignore[name-defined]  # noqa: F821 - on purpose

    with pytest.raises(InvalidRequest, match="Nowhere"):
        schema_of(Loose)

"""A value that still grows, as an object of its type: what is there is typed, what has not come is None."""

import datetime as dt
import json
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

from llamaq.extraction.partial_json import NOTHING, GrowingJson
from llamaq.extraction.partial_model import builder_of

unhurried = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Author(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=3)]
    born: dt.date | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    good: bool


class Book(BaseModel):
    title: str = Field(alias="Title")
    level: Literal["a", "ab"]
    authors: Annotated[list[Author], Field(min_length=2)]
    pet: Cat | Dog | None
    pages: int = Field(default=1, ge=100)
    sequel: "Book | None" = None
    _shelf: str = pydantic.PrivateAttr(default="A")

    @pydantic.model_validator(mode="after")
    def _whole(self) -> "Book":
        assert len(self.authors) > 1
        return self

    def model_post_init(self, _: Any) -> None:
        self.authors[0].name.upper()


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    pages: int
    notes: list[str] = field(default_factory=list)


class Shelf(TypedDict, total=False):
    chapters: list[Chapter]
    names: dict[str, str]


def _objects(target: Any, text: str) -> list[Any]:
    """What there is after each character, where it has changed."""
    growing, grow = GrowingJson(), builder_of(target)
    found: list[Any] = []
    for char in text:
        growing.add(char)
        value = growing.value(mark=True)
        if value is not NOTHING:
            made = grow(value, False)
            found += [] if found and found[-1] == made else [made]
    return found


def test_a_model_grows_field_by_field() -> None:
    """A text as far as it has come; a choice, a date and a number once they are whole; None before."""
    text = '{"Title": "Du", "level": "ab", "authors": [{"name": "Frank", "born": "1920-10-08"}], "pages": 120}'
    books = _objects(Book, text)

    assert all(type(book) is Book for book in books)
    assert [book.title for book in books][:4] == [None, "", "D", "Du"]
    assert [book.level for book in books if book.level] == ["ab"] * (len(books) - 4)
    born = [book.authors[0].born for book in books if book.authors]
    assert (born[0], born[-1]) == (None, dt.date(1920, 10, 8))
    assert set(born) == {None, dt.date(1920, 10, 8)}
    assert [book.authors[0].name for book in books if book.authors][:3] == [None, "", "F"]
    assert {book.pages for book in books} == {1, 120}


def test_validators_wait_for_the_whole() -> None:
    """Neither `model_post_init` nor a validator sees half an object; private attributes have their defaults."""
    (book, *_) = _objects(Book, '{"Title": "D')

    assert book._shelf == "A"
    assert book.sequel is None
    assert book.model_fields_set == set()


def _half(target: type[BaseModel], **fields: Any) -> BaseModel:
    return target.model_construct(**fields)


@pytest.mark.parametrize(
    ("text", "pet"),
    [
        ('{"pet": {"kind": "dog", "good": true}', Dog(kind="dog", good=True)),
        ('{"pet": {"kind": "dog", ', _half(Dog, kind="dog", good=None)),
        ('{"pet": {"kind": "do', None),
        ('{"pet": {', None),
        ('{"pet": {"lives": 9, ', _half(Cat, kind=None, lives=9)),
        ('{"pet": {"kind": "bird"}', None),
        ('{"pet": null', None),
    ],
)
def test_of_a_union_the_member_that_fits(text: str, pet: Any) -> None:
    """None of them before something tells which: an object does not change its type as it grows."""
    seen = [book.pet for book in _objects(Book, text)]
    last = seen[-1]

    assert type(last) is type(pet)
    assert last is None or vars(last) == vars(pet)
    assert len({type(each) for each in seen if each is not None}) <= 1


def test_dataclasses_and_typed_dicts_grow_too() -> None:
    """Frozen and slotted ones as well; a TypedDict simply has fewer keys."""
    text = '{"chapters": [{"title": "One", "pages": 3, "notes": ["x"]}, {"title": "T"}], "names": {"a": "b'
    shelves = _objects(Shelf, text)

    assert shelves[0] == {}
    assert shelves[-1] == {"chapters": [Chapter("One", 3, ["x"]), _chapter("T")], "names": {"a": "b"}}
    assert _chapter("One") in [shelf["chapters"][0] for shelf in shelves if shelf.get("chapters")]


def _chapter(title: str) -> Chapter:
    return Chapter(title, None)  # type: ignore[arg-type]  # as it is before its pages have come


def test_a_model_of_models_of_itself_ends() -> None:
    """Recursion in the type is followed as deep as the value goes."""
    books = _objects(Book, '{"Title": "A", "sequel": {"Title": "B", "sequel": {"Title": "C"}}}')

    assert books[-1].sequel.sequel.title == "C"


class Plain(BaseModel):
    name: str
    count: int
    tags: list[str]
    more: dict[str, int]
    inner: list[Author]


plain = st.builds(
    lambda name, count, tags, more, authors: {
        "name": name,
        "count": count,
        "tags": tags,
        "more": more,
        "inner": [{"name": f"abc{author}", "born": "2000-01-01"} for author in authors],
    },
    st.text(),
    st.integers(),
    st.lists(st.text(), max_size=3),
    st.dictionaries(st.text(), st.integers(), max_size=3),
    st.lists(st.text(), max_size=3),
)


@unhurried
@given(plain)
def test_any_object_grows_to_the_whole(value: dict[str, Any]) -> None:
    """However it is cut: each step is an object, none is taken back, and the last equals the validated one."""
    models = _objects(Plain, json.dumps(value))

    assert models[-1] == TypeAdapter(Plain).validate_json(json.dumps(value))
    sizes = [len(model.tags or []) + len(model.more or {}) + len(model.inner or []) for model in models]
    assert sizes == sorted(sizes)


def _needs(fields: dict[str, Any]) -> int:
    return int(fields["a"])


class Bare(BaseModel):
    items: typing.List = []  # type: ignore[type-arg]  # noqa: UP006 - as applications may well write it
    by_name: typing.Dict = {}  # type: ignore[type-arg]  # noqa: UP006 - the same
    some: typing.Sequence = ()  # type: ignore[type-arg]  # the same


class Derived(BaseModel):
    a: int
    b: int = Field(default_factory=_needs)


class Numbered(BaseModel):
    by_number: dict[int, str]


@dataclass
class Picky:
    a: int
    b: int = field(default_factory=lambda: int("none"))


@pytest.mark.parametrize(
    ("target", "text", "expected"),
    [
        (Bare, '{"items":[1,"x', {"items": [1, "x"], "by_name": {}, "some": ()}),
        (Bare, '{"by_name":{"a":1,', {"items": [], "by_name": {"a": 1}, "some": ()}),
        (Bare, '{"some":[1,2,', {"items": [], "by_name": {}, "some": [1, 2]}),
        (Derived, '{"a":1,', {"a": 1, "b": None}),
        (Numbered, '{"by_number":{"1":"x","2":"y', {"by_number": {1: "x", 2: "y"}}),
        (Numbered, '{"by_number":{"one":"x"', {"by_number": None}),
        (Picky, '{"a":1,', {"a": 1, "b": None}),
    ],
)
def test_types_that_say_little_and_defaults_that_want_more(target: Any, text: str, expected: dict[str, Any]) -> None:
    """A list of anything, keys that are no texts, and a default that cannot be made yet: None of them is an error."""
    growing = GrowingJson()
    growing.add(text)

    assert vars(builder_of(target)(growing.value(mark=True), False)) == expected

"""Types as people write them for pydantic, each with a value that is valid and one that is not."""

import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, StringConstraints
from typing_extensions import TypedDict


class Colour(enum.Enum):
    """A documented enum."""

    RED = "red"
    NUMBER = 3


class Author(BaseModel):
    """Who wrote it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Frank"}]})
    name: str = Field(min_length=1, max_length=80, description="The full name", examples=["Frank Herbert"])
    born: dt.date | None = None


class Book(BaseModel):
    title: str = Field(title="The title")
    authors: list[Author] = Field(min_length=1)
    colour: Colour = Colour.RED
    tags: set[str] = set()


class Tree(BaseModel):
    value: int
    left: "Tree | None" = None
    right: "Tree | None" = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=0, le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    barks: bool = True


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    former: list[Cat | Dog] = []


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict, total=False):
    level: Literal[1, 2, "max"]
    extra: dict[str, Any]


@dataclass
class Line:
    start: Point
    end: tuple[int, int]


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Names(RootModel[dict[Annotated[str, StringConstraints(pattern=r"^[a-z]+$")], int]]):
    """Keys with a pattern."""


class Order(BaseModel):
    id: uuid.UUID
    at: dt.datetime
    took: dt.timedelta
    price: decimal.Decimal
    sku: Annotated[str, StringConstraints(pattern=r"^\w{2}-\d{4}$")]
    url: AnyUrl


class Even(BaseModel):
    n: Annotated[int, Field(gt=0, lt=100, multiple_of=2)]
    share: Annotated[float, Field(ge=0, le=1)]


class Empty(BaseModel):
    pass


class Expression(BaseModel):
    op: Literal["+", "-"]
    of: list["Expression | float"]


_ORDER = {
    "id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "at": "2026-05-04T12:30:00Z",
    "took": "PT5M",
    "price": "12.50",
    "sku": "ab-1234",
    "url": "https://a.example/",
}
TYPES: dict[str, tuple[Any, Any, Any]] = {
    "nested": (Book, {"title": "Dune", "authors": [{"name": "Frank", "born": "1920-10-08"}]}, {"title": "Dune"}),
    "recursive": (Tree, {"value": 1, "left": {"value": 2}, "right": None}, {"value": 1, "left": {}}),
    "discriminator": (Owner, {"pet": {"kind": "cat", "lives": 9}}, {"pet": {"kind": "dog", "lives": 9, "barks": 3}}),
    "named tuple": (Point, [1.5, 2.0], ["a", 2.0]),
    "typed dict": (Options, {"level": "max", "extra": {"a": [1]}}, {"level": 3}),
    "dataclass": (Line, {"start": [1.0, 2.0], "end": [3, 4]}, {"start": [1.0, 2.0], "end": [3]}),
    "extra allowed": (Loose, {"name": "x", "more": 1}, {"more": 1}),
    "pattern of keys": (Names, {"a": 1}, {"a": "x"}),
    "formats": (Order, _ORDER, {**_ORDER, "sku": "ab_1234"}),
    "bounds": (Even, {"n": 98, "share": 0.5}, {"n": 99, "share": 0.5}),
    "empty": (Empty, {}, []),
    "recursive union": (Expression, {"op": "+", "of": [1.5, {"op": "-", "of": []}]}, {"op": "*", "of": []}),
    "list of models": (list[Author], [{"name": "A"}], [{"name": ""}]),
    "optional": (int | None, None, "1"),
    "literal": (Literal["a", "b"], "a", "c"),
    "dict of lists": (dict[str, list[int]], {"a": [1]}, {"a": 1}),
    "any": (Any, {"a": [None]}, None),
    "tuple of any length": (tuple[int, ...], [1, 2, 3], ["a"]),
    "bytes": (bytes, "abc", 5),
    "long text": (Annotated[str, Field(min_length=2, max_length=5000)], "ab", "a"),
}

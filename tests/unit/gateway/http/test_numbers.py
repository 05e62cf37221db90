"""Numbers in queries and paths are read as they are written."""

from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute

from gateway.app import create_app
from gateway.settings import GatewayVariables


def _numbers() -> list[Any]:
    """The parameters of all routes that take a 1."""
    of_routes = [route.dependant for route in _routes(create_app(GatewayVariables(), None))]
    fields = [field for one in of_routes for field in (*one.query_params, *one.path_params)]
    return [field for field in fields if type(field.validate("1", {}, loc=())[0]) is int]


def _routes(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif included := getattr(route, "original_router", None):  # FastAPI's own way
            yield from _routes(included)


def test_pydantic_takes_more_than_each_parameter() -> None:
    """`1_0` is no 10, and the digits of other scripts are no digits."""
    found = _numbers()

    assert len(found) >= 8
    for field in found:
        for text in ("1_0", "\N{ARABIC-INDIC DIGIT SEVEN}"):
            _, errors = field.validate(text, {}, loc=("query", field.name))
            assert [error["type"] for error in errors] == ["int_parsing"], field.name

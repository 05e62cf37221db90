"""Which endpoints are called without FastAPI's dependencies."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Admitted, Caller
from gateway.access.keyed import KeyedRoute


async def _plain(request: Request, by: Admitted) -> Response:
    return Response()


async def _other_caller(request: Request, by: Annotated[Caller, Depends(lambda: None)]) -> Response:
    return Response()


async def _parameter(request: Request, by: Admitted, name: str) -> Response:
    return Response()


@pytest.mark.parametrize(
    ("endpoint", "options", "called_directly"),
    [
        (_plain, {}, True),
        (_plain, {"dependencies": [Depends(lambda: None)]}, False),
        (_other_caller, {}, False),
        (_parameter, {}, False),
    ],
)
def test_what_an_endpoint_depends_on_is_not_passed_over(endpoint: Any, options: Any, called_directly: bool) -> None:
    """Only one that depends on the request and the holder of its key is: another check would be left out."""
    handler = KeyedRoute("/", endpoint, **options).get_route_handler()
    assert handler.__qualname__.startswith("KeyedRoute.") is called_directly

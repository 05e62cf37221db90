"""Which endpoints are called without FastAPI's dependencies."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Caller, CurrentCaller
from gateway.access.caller_route import CallerRoute


async def _plain(request: Request, caller: CurrentCaller) -> Response:
    return Response()


async def _other_caller(request: Request, caller: Annotated[Caller, Depends(lambda: None)]) -> Response:
    return Response()


async def _parameter(request: Request, caller: CurrentCaller, name: str) -> Response:
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
    handler = CallerRoute("/", endpoint, **options).get_route_handler()
    assert handler.__qualname__.startswith("CallerRoute.") is called_directly

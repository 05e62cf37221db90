"""Routes whose endpoints take the request and its caller alone."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import caller

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_DIRECT = ["request", "by"]


class KeyedRoute(APIRoute):
    """A route that calls an endpoint `(request, by)` itself. FastAPI solves dependencies, which takes longer."""

    def get_route_handler(self) -> Handler:
        """The handler. Called by FastAPI."""
        endpoint = self.endpoint
        if list(inspect.signature(endpoint).parameters) != _DIRECT:
            return super().get_route_handler()

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, await caller(request))
            return response

        return handle

"""Routes whose endpoints take the request and its caller alone."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Admitted, caller

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KeyedRoute(APIRoute):
    """A route that calls an endpoint `(Request, Admitted)` itself: FastAPI's way to its arguments takes longer."""

    def get_route_handler(self) -> Handler:
        """The handler. Called by FastAPI."""
        endpoint = self.endpoint
        types = [one.annotation for one in inspect.signature(endpoint).parameters.values()]
        if self.dependencies or types != [Request, Admitted]:
            return super().get_route_handler()

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, await caller(request))
            return response

        return handle

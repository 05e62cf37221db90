"""Routes whose endpoints take the request and its caller alone."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import CurrentCaller, authenticate_caller

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class CallerRoute(APIRoute):
    """A route that calls an endpoint `(Request, CurrentCaller)` itself: FastAPI's way to its arguments takes longer."""

    @property
    def is_plain(self) -> bool:
        """Whether it depends on the request and its caller alone, so that nothing is passed over in calling it."""
        types = [one.annotation for one in inspect.signature(self.endpoint).parameters.values()]
        return not self.dependencies and types == [Request, CurrentCaller]

    def get_route_handler(self) -> Handler:
        """The handler. Called by FastAPI."""
        if not self.is_plain:
            return super().get_route_handler()
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, await authenticate_caller(request))
            return response

        return handle

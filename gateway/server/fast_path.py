"""Calls the endpoints of plain routes past FastAPI, whose middlewares and router take as long as two tokens."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.access.caller_route import CallerRoute

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


class FastPath:
    """ASGI: serves the plain routes of an application, and passes the rest on to it."""

    def __init__(self, app: FastAPI, handle_error: ErrorHandler, expected: tuple[type[Exception], ...]) -> None:
        """Make it.

        Args:
            app: the application.
            handle_error: answers an error of an endpoint.
            expected: the errors that are no faults. Others are raised again behind their answer.
        """
        self._app = app
        self._handle_error = handle_error
        self._expected = expected
        self._routes = {
            (method, route.path): (route, route.get_route_handler())
            for route in app.routes
            if isinstance(route, CallerRoute) and route.is_plain
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, handler = found
        scope["app"], scope["route"] = self._app, route
        request = Request(scope, receive, send)
        fault: Exception | None = None
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the border of a request; a fault is raised again
            response = await self._handle_error(request, error)
            fault = None if isinstance(error, self._expected) else error
        await response(scope, receive, send)
        if fault is not None:
            raise fault

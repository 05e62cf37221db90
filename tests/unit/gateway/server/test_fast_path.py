"""Which requests are served past FastAPI, and that their answers are the same."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.access.authenticator import Authenticator
from gateway.access.caller import CurrentCaller
from gateway.access.caller_route import CallerRoute
from gateway.server.fast_path import FastPath

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
SEEN = b"x-middlewares"

router = APIRouter(route_class=CallerRoute)


class Expected(Exception):
    """No fault."""


class Fault(Exception):
    """A fault."""


@router.post("/plain")
async def plain(request: Request, caller: CurrentCaller) -> Response:
    return PlainTextResponse(f"{caller.name} {request.scope['route'].path} {(await request.body()).decode()}")


@router.post("/named/{name}")
async def named(request: Request, caller: CurrentCaller, name: str) -> Response:
    return PlainTextResponse(name)


@router.get("/bare")
async def bare() -> Response:
    return PlainTextResponse("bare")


@router.get("/fails")
async def fails(request: Request, caller: CurrentCaller) -> Response:
    raise {"expected": Expected, "fault": Fault}[request.query_params["what"]]


async def _answer(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"failed: {type(error).__name__}", 418)


def _application() -> FastAPI:
    app = FastAPI()
    app.state.authenticator = Authenticator(None, None)  # type: ignore[arg-type]  # without keys nothing is counted
    app.router.routes.extend(router.routes)
    for error in (Expected, Exception):
        app.add_exception_handler(error, _answer)

    @app.middleware("http")
    async def seen(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers[SEEN.decode()] = "yes"
        return response

    return app


def _send(app: App, method: str, path: str, query: str = "") -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"body", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": []}
    anyio.run(app, scope, receive, send)
    return sent


def _direct(app: FastAPI) -> FastPath:
    return FastPath(app, _answer, (Expected,))


@pytest.mark.parametrize(
    ("method", "path", "is_direct", "body"),
    [
        ("POST", "/plain", True, b"local /plain body"),
        ("GET", "/plain", False, None),
        ("POST", "/plain/", False, None),
        ("POST", "/named/it", False, b"it"),
        ("GET", "/bare", False, b"bare"),
    ],
)
def test_a_plain_route_is_served_past_the_application(
    method: str, path: str, is_direct: bool, body: bytes | None
) -> None:
    """Its endpoint has caller and body, and what counts requests knows its path. The rest is passed on."""
    start, *parts = _send(_direct(_application()), method, path)

    assert (SEEN not in dict(start["headers"])) is is_direct
    if body is not None:
        assert (start["status"], b"".join(part["body"] for part in parts)) == (200, body)


def test_an_error_has_the_answer_of_the_application() -> None:
    """And ends there."""
    start, part = _send(_direct(_application()), "GET", "/fails", "what=expected")

    assert (start["status"], part["body"], SEEN in dict(start["headers"])) == (418, b"failed: Expected", False)


def test_a_fault_is_answered_and_raised() -> None:
    """So it is logged and counted."""
    sent: list[Message] = []
    app = _direct(_application())

    async def gathering(scope: Message, receive: Any, send: Any) -> None:
        async def noting(message: Message) -> None:
            sent.append(message)
            await send(message)

        await app(scope, receive, noting)

    with pytest.raises(Fault):
        _send(gathering, "GET", "/fails", "what=fault")
    assert [(one.get("status"), one.get("body")) for one in sent] == [(418, None), (None, b"failed: Fault")]

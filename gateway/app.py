"""The application: the routes of all dialects, and the errors in the words of each."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import batches, jobs, ollama, openai, responses, ui
from gateway.access.authenticator import Authenticator
from gateway.access.keys_file import KeysFile
from gateway.http import disconnects
from gateway.http.dialect import render_error
from gateway.http.errors import GatewayError
from gateway.http.not_found import explain_error, suggest_path
from gateway.jobs import openapi_page
from gateway.jobs.openapi import complete_document
from gateway.queue_access import JOB_HEADER
from gateway.settings import GatewayVariables
from llamaq import AsyncJobQueue, __version__
from llamaq.client.aio.connection import AsyncConnection
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import InvalidRequest, LlamaqError, Problem
from llamaq.vocabulary.problems import MOST_QUOTED

EXPECTED = (GatewayError, LlamaqError, ui.SignInNeeded, TimeoutError, HTTPException)
"""Errors that are no faults of the gateway."""
CANCELS_SECONDS = 5.0
"""At the end, for the cancels of jobs whose streams were cut."""


def create_app(settings: GatewayVariables, keys: KeysFile | None) -> FastAPI:
    """Make the application. Nothing connects before the first request."""
    app = FastAPI(
        title="llamaq",
        version=__version__,
        description="A job queue in front of Ollama, over HTTP.",
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    describe = app.openapi
    app.openapi = lambda: app.openapi_schema or complete_document(describe())  # type: ignore[method-assign]  # FastAPI's own way
    app.add_route(openapi_page.PATH, openapi_page.show_page, include_in_schema=False)
    app.state.settings, app.state.keys = settings, keys
    for router in (ollama.router, openai.router, responses.router, *jobs.routers):
        app.router.routes.extend(router.routes)  # FastAPI matches the paths of an included router twice
    for router in (batches.router, ui.router):
        app.include_router(router, include_in_schema=False)
    for error in (*EXPECTED, Exception):
        app.add_exception_handler(error, handle_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    settings: GatewayVariables = app.state.settings
    queue = AsyncJobQueue(settings.redis_url, settings=settings.producer)
    connection = AsyncConnection(settings.redis_url, settings.producer, SYSTEM)
    app.state.queue, app.state.redis = queue, connection
    app.state.authenticator = Authenticator(app.state.keys, connection)
    app.state.draining = asyncio.Event()
    app.state.watch = ui.Watch(queue)
    yield {"draining": app.state.draining, "head_seconds": settings.gateway_head_seconds}
    await app.state.watch.aclose()
    await disconnects.wait_for_cancels(CANCELS_SECONDS)
    await queue.aclose()
    await connection.aclose()


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer a request that ended with an error, in the words of its dialect."""
    path = request.url.path
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        if (redirect := ollama.redirect_doubled_slash(request)) is not None:
            return redirect
        suggested = suggest_path(request) if error.status_code == 404 else None
        if ollama.is_own_path(path) and (suggested is None or ollama.is_own_path(suggested)):
            return ollama.handle_not_found(request, suggested)
        error = explain_error(request, error, suggested)
        path = suggested or path  # a client with a wrong base address shows an error in the form of its own API alone
    if ui.is_page(request.url.path):
        return ui.render_failure(request, error)
    headers = dict(getattr(error, "headers", None) or {})
    if job_id := getattr(request.state, "job_id", None):
        headers[JOB_HEADER] = job_id
    return render_error(error, path, headers)


async def _handle_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for this class alone
    problems = [Problem(_parameter_at(one["loc"]), _describe(one)) for one in error.errors()]
    return render_error(InvalidRequest(problems), request.url.path)


def _parameter_at(location: Sequence[str | int]) -> str:
    """The parameter at a location such as `("query", "state", 0)`: a list in a query is the same name again."""
    return str(location[1] if len(location) > 1 else location[0])


def _describe(problem: Mapping[str, Any]) -> str:
    given = problem.get("input")
    return f"{problem['msg']}, not {given[:MOST_QUOTED]!r}" if isinstance(given, str) else str(problem["msg"])

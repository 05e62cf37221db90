"""A FastAPI backend that streams jobs to browsers as server-sent events, which take up where they were cut.

    pip install fastapi uvicorn            # and llamaq, out of this checkout: pip install ../..
    uvicorn --factory app:create_app       # LLAMAQ_REDIS_URL says where Redis is

In the browser `new EventSource("/jobs/" + id + "/events")` is all that it takes: after a lost connection it sends
`Last-Event-ID` by itself.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from llamaq import (
    AsyncJobQueue,
    BrokerUnavailable,
    CursorExpired,
    Event,
    InvalidRequest,
    JobNotFound,
    LlamaqError,
    QueueFull,
    StreamError,
    UnknownModel,
)

BEAT_SECONDS = 15.0
"""Between two signs of life: proxies cut a connection on which nothing comes."""
PEEK_SECONDS = 0.25
"""The head of the answer waits so long for the first event."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter keeps nginx from holding tokens back


class Question(BaseModel):
    """The fields that a browser may set. Options, tenant and priority are set here."""

    model: str
    prompt: str


STATUS: dict[type[LlamaqError], int] = {
    InvalidRequest: 422,
    UnknownModel: 422,
    QueueFull: 503,
    BrokerUnavailable: 503,
    JobNotFound: 404,
    CursorExpired: 410,
    StreamError: 400,
}


def create_app() -> FastAPI:
    """The application. One queue serves the process; it connects when it is first used."""
    queue = AsyncJobQueue.from_env()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await queue.aclose()

    app = FastAPI(lifespan=lifespan, exception_handlers={LlamaqError: render_error})

    @app.post("/jobs", status_code=202)
    async def submit(question: Question) -> dict[str, str]:
        job = await queue.generate(question.model, question.prompt, priority="interactive")
        return {"id": job.id}

    @app.get("/jobs/{job_id}/events")
    async def follow(job_id: str, last_event_id: Annotated[str | None, Header()] = None) -> Response:
        job = queue.job(job_id)
        await job.status()  # an id that is wrong is told now, while there can still be a status
        events = job.events(last_event_id)
        first = asyncio.create_task(anext(events, None))
        done, _ = await asyncio.wait({first}, timeout=PEEK_SECONDS)
        # A cursor that is wrong or gone raises here. EventSource connects again after the end, too: 204 stops it.
        if done and first.result() is None:
            return Response(status_code=204)
        return StreamingResponse(render_events(events, first), media_type="text/event-stream", headers=HEADERS)

    @app.delete("/jobs/{job_id}")
    async def cancel(job_id: str) -> dict[str, bool]:
        return {"cancelled": await queue.job(job_id).cancel()}

    return app


async def render_error(_: Request, error: LlamaqError) -> JSONResponse:
    """Render what llamaq says is wrong, with the status that says who must act."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers = {"Retry-After": str(round(error.retry_after))} if isinstance(error, QueueFull) else None
    return JSONResponse({"detail": str(error)}, status, headers)


async def render_events(
    events: AsyncGenerator[Event, None], first: asyncio.Task[Event | None]
) -> AsyncGenerator[str, None]:
    """Render the events as the lines of a server-sent stream. A browser that leaves ends this, and not the job."""
    waiting: asyncio.Task[Event | None] | None = first
    try:
        while True:
            # The same wait goes on over the signs of life: cancelled, it could lose an event.
            waiting = waiting or asyncio.create_task(anext(events, None))
            if not (await asyncio.wait({waiting}, timeout=BEAT_SECONDS))[0]:
                yield ": still here\n\n"
                continue
            event, waiting = waiting.result(), None
            if event is None:
                return
            yield f"id: {event.cursor}\nevent: {event.type}\ndata: {event.payload}\n\n"
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await events.aclose()

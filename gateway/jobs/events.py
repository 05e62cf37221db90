"""A job's events as Server-Sent Events."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from gateway.access.caller import CurrentCaller
from gateway.http.errors import failure_of
from gateway.http.sse import EventStream, Waiting, encode_comment, encode_frame
from gateway.jobs.openapi import ANSWERS
from gateway.jobs.query import ONLY_KNOWN
from gateway.queue_access import JOB_HEADER, get_own_job, read_pieces
from llamaq import Event
from llamaq.store.keys import is_cursor
from llamaq.vocabulary.errors import InvalidRequest, LlamaqError
from llamaq.vocabulary.events import Piece

Ready = list[Event | Piece]
router = APIRouter(tags=["jobs"], responses=ANSWERS, dependencies=[ONLY_KNOWN])
PEEK_SECONDS = 0.25
"""How long the head of the answer waits for the first event, so that a cursor that is gone is a status, not a cut."""


@router.get(
    "/jobs/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        204: {"description": "The job has ended, and its last event was read: do not connect again"},
    },
)
async def events(
    request: Request,
    caller: CurrentCaller,
    job_id: str,
    after: Annotated[str, Query(description="a cursor; the header Last-Event-ID goes before it")] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """A job's events from the start, or behind a cursor; then live ones, up to the terminal one.

    `id` is the cursor, `event` the type, `data` the event as JSON. A `queued` event without an `id` gives the current
    place in the queue, and is in no log. Leaving changes nothing about the job.
    """
    cursor = last_event_id.strip() or after.strip() or None
    if cursor is not None and not is_cursor(cursor):
        raise InvalidRequest.of("after", "must be a cursor: the `id` of an event")
    job = await get_own_job(request, caller, job_id)
    stream = read_pieces(job, cursor, fresh=True)
    first = asyncio.ensure_future(anext(stream, None))
    await asyncio.wait((first,), timeout=PEEK_SECONDS)
    if first.done():
        if (error := first.exception()) is not None:
            await stream.aclose()
            raise error
        if first.result() is None:
            return Response(status_code=204)
    waiting = Waiting()

    async def close() -> None:
        if not first.done():
            first.cancel()
            await asyncio.wait((first,))
        await stream.aclose()

    return EventStream(
        _encode_frames(first, stream, waiting),
        waiting,
        headers={JOB_HEADER: job_id},
        until=request.app.state.draining,
        on_close=close,
    )


async def _encode_frames(
    first: "asyncio.Future[Ready | None]", stream: AsyncGenerator[Ready, None], waiting: Waiting
) -> AsyncGenerator[list[bytes], None]:
    try:
        ready = await first
        while ready is not None:
            for event in ready:
                waiting.update(event)
            yield [
                encode_frame(event.payload, event=event.type, id=None if event.fresh else event.cursor)
                for event in ready
            ]
            ready = await anext(stream, None)
    except LlamaqError as error:  # the status is sent already
        yield [encode_comment(f"{failure_of(error).code}; reconnect")]

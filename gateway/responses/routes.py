"""`/v1/responses`. A response is a job with a note: each later answer is made of the job's log and the note."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, nullcontext
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.access.caller import CurrentCaller
from gateway.access.caller_route import CallerRoute
from gateway.http.disconnects import cancel_on_abort, cancel_on_disconnect
from gateway.http.errors import failure_of
from gateway.http.json_body import read_json_object
from gateway.http.sse import EventStream, Waiting, encode_frame
from gateway.http.streamed_response import encode_events
from gateway.queue_access import JOB_HEADER, queue_of, read_pieces, submit
from gateway.responses.builder import ResponseBuilder
from gateway.responses.input_items import list_input_items
from gateway.responses.log_reading import read_to_end
from gateway.responses.note import Note, read_note
from gateway.responses.parsed_request import read_request
from gateway.responses.references import parse_with_references
from gateway.responses.stored import StoredResponse, find_response
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.settings.numerals import AS_WRITTEN
from llamaq.vocabulary.errors import InvalidRequest, LlamaqError, StreamRestarted
from llamaq.vocabulary.events import Piece, Started
from llamaq.vocabulary.wire import JsonObject, dumps

CANCELLED = "the response was cancelled"
router = APIRouter(route_class=CallerRoute, include_in_schema=False)


@router.post("/v1/responses")
async def create(request: Request, caller: CurrentCaller) -> Response:
    """Answer an input: at once, in a stream, or in the background."""
    given = read_request(await read_json_object(request))
    parsed = await parse_with_references(queue_of(request), caller, given)
    try:
        job = await submit(request, caller, parsed.job)
    except InvalidRequest as error:
        raise parsed.name_parameters(error) from error
    note = read_note(parsed.job["note"])
    assert note is not None  # noqa: S101 - it was made a moment ago
    if given.stream:
        return _stream_response(request, job, note, -1, owns_job=not given.background)
    if given.background:
        return _json_response(job, ResponseBuilder(job.id, note).build(created=(await job.status()).submitted_at))
    async with cancel_on_disconnect(request, job):
        builder = await read_to_end(job, note)
    if builder.error is not None:
        raise builder.error
    return _json_response(job, builder.build())


@router.get("/v1/responses/{response_id}")
async def retrieve(
    request: Request,
    caller: CurrentCaller,
    response_id: str,
    *,
    stream: bool = False,
    starting_after: Annotated[int, Query(ge=-1), AS_WRITTEN] = -1,
) -> Response:
    """A response as it is now; or its stream, from its beginning or behind an event."""
    stored = await find_response(queue_of(request), caller, response_id)
    if stream:
        return _stream_response(request, stored.job, stored.note, starting_after, owns_job=False)
    return _json_response(stored.job, await _build_current(stored))


@router.post("/v1/responses/{response_id}/cancel")
async def cancel(request: Request, caller: CurrentCaller, response_id: str) -> Response:
    """End a response. One that has ended stays as it is."""
    stored = await find_response(queue_of(request), caller, response_id)
    await stored.job.cancel(CANCELLED)
    return _json_response(stored.job, await _build_current(await find_response(queue_of(request), caller, response_id)))


@router.delete("/v1/responses/{response_id}")
async def delete(request: Request, caller: CurrentCaller, response_id: str) -> Response:
    """Delete a response; one that runs is cancelled first. Those that follow it keep what was said."""
    stored = await find_response(queue_of(request), caller, response_id)
    await queue_of(request).delete(stored.job.id)
    return _json_response(stored.job, {"id": response_id, "object": "response", "deleted": True})


@router.get("/v1/responses/{response_id}/input_items")
async def input_items(
    request: Request,
    caller: CurrentCaller,
    response_id: str,
    limit: Annotated[int, Query(ge=1, le=100), AS_WRITTEN] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> Response:
    """The items of a response's input, without the bytes of images."""
    stored = await find_response(queue_of(request), caller, response_id)
    return _json_response(
        stored.job, list_input_items(stored.job.id, stored.note.items, limit=limit, order=order, after=after)
    )


def _json_response(job: AsyncJob[Any], body: JsonObject) -> Response:
    return JSONResponse(body, headers={JOB_HEADER: job.id})


async def _build_current(stored: StoredResponse) -> JsonObject:
    if stored.status.ended:
        return (await read_to_end(stored.job, stored.note)).build()
    status = "queued" if stored.status.state == "queued" else "in_progress"
    return ResponseBuilder(stored.job.id, stored.note).build(status, stored.status.submitted_at)


def _stream_response(request: Request, job: AsyncJob[Any], note: Note, after: int, *, owns_job: bool) -> Response:
    """Answer with the stream behind an event. With `owns_job` the job is cancelled when the client leaves."""
    waiting = Waiting()
    frames = _Frames(ResponseBuilder(job.id, note), waiting, after, owns_job=owns_job).read(job)
    until = None if owns_job else request.app.state.draining
    headers = {JOB_HEADER: job.id, "Content-Type": "text/event-stream"}
    return EventStream(frames, waiting, headers=headers, until=until)


class _Frames:
    """The frames of a response's stream, and its comments."""

    def __init__(self, builder: ResponseBuilder, waiting: Waiting, after: int, *, owns_job: bool) -> None:
        self._builder = builder
        self._waiting = waiting
        self._after = after
        self._owns_job = owns_job

    async def read(self, job: AsyncJob[Any]) -> AsyncGenerator[list[bytes], None]:
        """Read all of them; those that are there at the same time in one list."""
        try:
            with cancel_on_abort(job) if self._owns_job else nullcontext():
                async with aclosing(encode_events(read_pieces(job, fresh=True), self._encode)) as parts:
                    async for part in parts:
                        yield part
                        if self._builder.ended:
                            break
            if self._builder.ended and self._after >= self._builder.next:
                message = f"there is no event {self._after}: the last one of the response is {self._builder.next - 1}"
                yield [_encode_error(InvalidRequest.of("starting_after", message), self._builder.next)]
        except LlamaqError as error:  # the status is sent already
            yield [_encode_error(error, self._builder.next)]

    def _encode(self, event: Event | Piece) -> Iterator[bytes]:
        if comment := self._waiting.update(event):
            yield comment
        new = self._builder.take(event)
        if self._owns_job and isinstance(event, Started) and self._builder.restarted:
            raise StreamRestarted(event.attempt, event.cursor)
        for each in new:
            if each.number > self._after:
                yield encode_frame(each.data, event=each.type)


def _encode_error(error: LlamaqError, number: int) -> bytes:
    failure = failure_of(error)
    about = {"type": "error", "code": failure.code, "message": failure.message, "param": failure.param}
    return encode_frame(dumps({**about, "sequence_number": number}), event="error")

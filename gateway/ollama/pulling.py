"""`/api/pull` as a host job: its progress in Ollama's lines."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Caller
from gateway.http.disconnects import cancel_on_disconnect
from gateway.http.streamed_response import StreamedResponse
from gateway.ollama import model_names
from gateway.ollama.errors import JSON, JSON_UTF8, error_answer
from gateway.ollama.serving import NDJSON, UNBUFFERED
from gateway.queue_access import JOB_HEADER, submit
from llamaq import Event
from llamaq.client.aio.job import AsyncJob
from llamaq.client.job_events import read_outcome
from llamaq.vocabulary.errors import JobFailed, LlamaqError
from llamaq.vocabulary.events import Completed, Progress
from ollama_api import bodies
from ollama_api.encoding import encode_json
from ollama_api.refusal import Refusal

SUCCESS = encode_json({"status": "success"})


async def pull_model(request: Request, caller: Caller) -> Response:
    """Answer a pull: with lines, or with the last of them alone.

    Raises:
        Refusal: 403 where no worker may pull the model; 400 where the body is wrong.
    """
    body = bodies.pull(await request.body())
    name = body.get("model") or body.get("name", "")
    model = model_names.check_name(name, Refusal(400, "invalid model name"))
    if body.get("insecure"):
        raise Refusal(403, "insecure: the hosts pull from registries that they trust alone")
    job = await submit(request, caller, {"kind": "pull", "model": model})
    if not body.get("stream", True):
        return await _answer_at_end(request, job)
    lines = _read_lines(job)
    async with cancel_on_disconnect(request, job):
        first = await anext(lines)

    return StreamedResponse(lines, {JOB_HEADER: job.id, **UNBUFFERED}, NDJSON, first=first, job=job)


async def _answer_at_end(request: Request, job: AsyncJob[Any]) -> Response:
    headers = {JOB_HEADER: job.id}
    async with cancel_on_disconnect(request, job):
        try:
            await job.result()
        except JobFailed as error:
            if refusal := _refusal_of(error):
                raise refusal from None
            failed = error_answer(error)
            return Response(failed.to_line(), failed.status, headers, JSON)
    return Response(SUCCESS, 200, headers, JSON_UTF8)


async def _read_lines(job: AsyncJob[Any]) -> AsyncGenerator[list[bytes], None]:
    """Read the lines, each once: a repeated attempt begins with those that were sent.

    Raises:
        Refusal: before the first line.
    """
    last = ""
    try:
        async with aclosing(job.events(fresh=False)) as events:
            async for event in events:
                line = _render_event(event)
                if event.terminal:
                    read_outcome(job.id, event)
                if line and line != last:
                    last = line
                    yield [line.encode() + b"\n"]
    except JobFailed as error:
        if not last and (refusal := _refusal_of(error)):
            raise refusal from None
        yield [error_answer(error).to_line().encode() + b"\n"]
    except LlamaqError as error:
        yield [error_answer(error).to_line().encode() + b"\n"]


def _render_event(event: Event) -> str:
    """Render the line of an event; empty where it has none."""
    match event:
        case Completed():
            return SUCCESS
        case Progress(stage="pulling"):
            return _render_progress(event)
    return ""


def _render_progress(event: Progress) -> str:
    fields = event.model_dump()
    layer = fields.get("layer") or {}
    return encode_json({"status": fields.get("status", "")} | {name: value for name, value in layer.items() if value})


def _refusal_of(error: JobFailed) -> Refusal | None:
    """The refusal of a worker itself, not of its host; None for another error."""
    if error.code != "invalid_request" or error.error.status is not None:
        return None
    return Refusal(403, error.error.message)

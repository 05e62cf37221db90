"""Requests without a prompt: they load a model, or unload it."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Caller
from gateway.http.disconnects import cancel_on_disconnect
from gateway.ollama import rendering
from gateway.ollama.errors import JSON_UTF8
from gateway.ollama.model_check import check_capability, find_model
from gateway.ollama.parsed_request import ParsedRequest
from gateway.queue_access import JOB_HEADER, submit


async def load_model(request: Request, caller: Caller, parsed: ParsedRequest) -> Response:
    """Answer once a host has the model in memory. Raises what `find_model` and the job's `result` raise."""
    found = await find_model(request, caller, parsed)
    if parsed.endpoint in ("generate", "chat"):
        check_capability(parsed, found, "completion", "model")
    best = min(found, key=lambda status: (status.circuit != "closed", not status.loaded, status.slots_used))
    job = await submit(request, caller, {"kind": "load", "host": best.host, **parsed.job})
    async with cancel_on_disconnect(request, job):
        await job.result()
    return Response(rendering.render_empty(parsed), 200, {JOB_HEADER: job.id}, JSON_UTF8)


async def unload_model(request: Request, caller: Caller, parsed: ParsedRequest) -> Response:
    """Answer once no host has the model in memory. Raises what `find_model` and a job's `result` raise."""
    hosts = dict.fromkeys(status.host for status in await find_model(request, caller, parsed))
    unload = {"kind": "unload", "model": parsed.model}
    jobs = [await submit(request, caller, {**unload, "host": host}) for host in hosts]
    for job in jobs:
        await job.result()
    return Response(rendering.render_empty(parsed), 200, {JOB_HEADER: ", ".join(job.id for job in jobs)}, JSON_UTF8)

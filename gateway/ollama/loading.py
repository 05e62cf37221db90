"""Requests without a prompt: they load a model, or unload it."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Caller
from gateway.http.disconnects import cancelled_if_disconnected
from gateway.ollama import forms
from gateway.ollama.errors import JSON_UTF8
from gateway.ollama.model_check import check_capability, model_on_hosts
from gateway.ollama.parsed_request import ParsedRequest
from gateway.queue_access import JOB_HEADER, submit


async def loaded(request: Request, caller: Caller, parsed: ParsedRequest) -> Response:
    """The answer, once a host has the model in memory. Raises what `model_on_hosts` and the job's `result` raise."""
    found = await model_on_hosts(request, caller, parsed)
    if parsed.endpoint in ("generate", "chat"):
        check_capability(parsed, found, "completion", "model")
    best = min(found, key=lambda status: (status.circuit != "closed", not status.loaded, status.slots_used))
    job = await submit(request, caller, {"kind": "load", "host": best.host, **parsed.job})
    async with cancelled_if_disconnected(request, job):
        await job.result()
    return Response(forms.bare(parsed), 200, {JOB_HEADER: job.id}, JSON_UTF8)


async def unloaded(request: Request, caller: Caller, parsed: ParsedRequest) -> Response:
    """The answer, once no host has the model in memory. Raises what `model_on_hosts` and a job's `result` raise."""
    hosts = dict.fromkeys(status.host for status in await model_on_hosts(request, caller, parsed))
    unload = {"kind": "unload", "model": parsed.model}
    jobs = [await submit(request, caller, {**unload, "host": host}) for host in hosts]
    for job in jobs:
        await job.result()
    return Response(forms.bare(parsed), 200, {JOB_HEADER: ", ".join(job.id for job in jobs)}, JSON_UTF8)

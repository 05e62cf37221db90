"""Requests that have nothing to answer: they load a model, or unload it."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import Caller
from gateway.http.leaving import cancelled_if_left
from gateway.ollama import forms
from gateway.ollama.asked import Asked
from gateway.ollama.errors import JSON_UTF8
from gateway.ollama.serving import JOB_HEADER
from gateway.queue_access import allowed, queue_of, submit
from llamaq import InvalidRequest, ModelStatus, UnknownModel
from llamaq.vocabulary.models import normalise


async def known(request: Request, caller: Caller, asked: Asked) -> list[ModelStatus]:
    """The model on each of its hosts.

    Raises:
        GatewayError: the caller may not use it.
        UnknownModel: no host has it.
    """
    allowed(caller, {"model": asked.model})
    name = normalise(asked.model)
    found = [status for status in await queue_of(request).models() if status.model == name]
    if not found:
        raise UnknownModel(name)
    return found


async def loaded(request: Request, caller: Caller, asked: Asked) -> Response:
    """The answer once a host has the model in memory; raises as `known`, and what the job does."""
    offered = await known(request, caller, asked)
    _check_abilities(asked, offered)
    best = min(offered, key=lambda status: (status.circuit != "closed", not status.loaded, status.slots_used))
    job = await submit(request, caller, {"kind": "load", "host": best.host, **asked.job})
    async with cancelled_if_left(request, job):
        await job.result()
    return Response(forms.bare(asked), 200, {JOB_HEADER: job.id}, JSON_UTF8)


async def unloaded(request: Request, caller: Caller, asked: Asked) -> Response:
    """The answer once no host has the model in memory: a job for each; raises as `known`, and what a job does."""
    offered = await known(request, caller, asked)
    unload = {"kind": "unload", "model": asked.model}
    jobs = [await submit(request, caller, {**unload, "host": host}) for host in _hosts(offered)]
    for job in jobs:
        await job.result()
    return Response(forms.bare(asked), 200, {JOB_HEADER: ", ".join(job.id for job in jobs)}, JSON_UTF8)


def _hosts(offered: Sequence[ModelStatus]) -> list[str]:
    return list(dict.fromkeys(status.host for status in offered))


def _check_abilities(asked: Asked, offered: Sequence[ModelStatus]) -> None:
    """A model without text is loaded by an embedding alone.

    Raises:
        InvalidRequest: `unsupported`, as where there is something to answer.
    """
    able = [status.capabilities for status in offered]
    if asked.endpoint in ("generate", "chat") and all(of and "completion" not in of for of in able):
        raise InvalidRequest.of("model", f"{asked.model} has no completion", code="unsupported")

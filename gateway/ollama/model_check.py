"""Checks the model that a request names. Ollama does so before it checks most of the request."""

from collections.abc import Sequence

from starlette.requests import Request

from gateway.access.caller import Caller
from gateway.ollama.parsed_request import ParsedRequest
from gateway.queue_access import authorize_job, queue_of
from llamaq import InvalidRequest, ModelStatus, UnknownModel
from llamaq.vocabulary.models import normalise


async def find_model(request: Request, caller: Caller, parsed: ParsedRequest) -> list[ModelStatus]:
    """Find the model on each of its hosts.

    Raises:
        GatewayError: the caller may not use it.
        UnknownModel: no host has it.
    """
    authorize_job(caller, {"model": parsed.model})
    name = normalise(parsed.model)
    found = [status for status in await queue_of(request).models() if status.model == name]
    if not found:
        raise UnknownModel(name)
    return found


def check_capability(parsed: ParsedRequest, found: Sequence[ModelStatus], capability: str, field: str) -> None:
    """Refuse a model that has no such capability on any of its hosts, for a field of the job.

    Raises:
        InvalidRequest: `unsupported`.
    """
    if all(status.capabilities and capability not in status.capabilities for status in found):
        raise InvalidRequest.of(field, f"{parsed.model} has no {capability}", code="unsupported")

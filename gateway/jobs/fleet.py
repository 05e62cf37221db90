"""The fleet: models, hosts, and the two probes of the process."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from gateway.access.caller import Admitted, Caller
from gateway.http.errors import GatewayError
from gateway.jobs.openapi import ANSWERS, answer
from gateway.jobs.query import ONLY_KNOWN
from gateway.queue_access import queue_of
from llamaq.vocabulary.wire import wire_object

router = APIRouter(responses=ANSWERS)
_MODELS = frozenset({"models"})


@router.get("/models", tags=["fleet"], dependencies=[ONLY_KNOWN], responses=answer("ModelList"))
async def models(request: Request, caller: Admitted) -> dict[str, Any]:
    """The models that the key may use: one entry for each model and host, as the workers last reported."""
    found = await queue_of(request).models()
    return {"models": [_shown(model, caller) for model in found if caller.may_use(model.model)]}


@router.get("/hosts", tags=["fleet"], dependencies=[ONLY_KNOWN], responses=answer("HostList"))
async def hosts(request: Request, caller: Admitted) -> dict[str, Any]:
    """The hosts that a worker has reported lately, each with its models."""
    return {
        "hosts": [
            _shown(host, caller, without=_MODELS)
            | {"models": [_shown(one, caller) for one in host.models if caller.may_use(one.model)]}
            for host in await queue_of(request).hosts()
        ]
    }


def _shown(record: BaseModel, caller: Caller, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The record as JSON. `last_error`, which has the host's address, is for operators."""
    made = wire_object(record, without=without)
    return made if caller.admin else made | {"last_error": None}


@router.get("/healthz", tags=["process"], responses=answer("Probe"))
async def healthz() -> dict[str, str]:
    """Whether the process answers. Needs no key."""
    return {"status": "ok"}


@router.get("/readyz", tags=["process"], responses=answer("Probe"))
async def readyz(request: Request) -> dict[str, str]:
    """Whether it takes requests: Redis answers, and the process is not stopping. Needs no key."""
    if request.app.state.draining.is_set():
        raise GatewayError(503, "draining", "this process is stopping")
    await queue_of(request).hosts()
    return {"status": "ready"}

"""The fleet: models, hosts, and the two probes of the process."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from gateway.access.caller import Caller, CurrentCaller
from gateway.http.errors import GatewayError
from gateway.http.json_body import read_json_object
from gateway.jobs import bodies
from gateway.jobs.openapi import ANSWERS, request_body, response_body
from gateway.jobs.query import ONLY_KNOWN
from gateway.queue_access import queue_of
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import wire_object

router = APIRouter(responses=ANSWERS)
_MODELS = frozenset({"models"})
_VERB: Any = {"tags": ["fleet"], "dependencies": [ONLY_KNOWN], "status_code": 204, "response_class": Response}


@router.get("/models", tags=["fleet"], dependencies=[ONLY_KNOWN], responses=response_body("ModelList"))
async def models(request: Request, caller: CurrentCaller) -> dict[str, Any]:
    """The models that the key may use: one entry for each model and host, as the workers last reported."""
    found = await queue_of(request).models()
    return {"models": [_render_record(model, caller) for model in found if caller.may_use(model.model)]}


@router.get("/hosts", tags=["fleet"], dependencies=[ONLY_KNOWN], responses=response_body("HostList"))
async def hosts(request: Request, caller: CurrentCaller) -> dict[str, Any]:
    """The hosts that a worker has reported lately, each with its models."""
    return {
        "hosts": [
            _render_record(host, caller, without=_MODELS)
            | {"models": [_render_record(one, caller) for one in host.models if caller.may_use(one.model)]}
            for host in await queue_of(request).hosts()
        ]
    }


async def require_operator(caller: CurrentCaller) -> Caller:
    """Require a caller whose key is `admin`."""
    if not caller.admin:
        raise GatewayError(403, "operators_only", "this needs a key that is `admin`")
    return caller


Operator = Annotated[Caller, Depends(require_operator)]


@router.get("/workers", tags=["fleet"], dependencies=[ONLY_KNOWN], responses=response_body("WorkerList"))
async def workers(request: Request, _: Operator) -> dict[str, Any]:
    """The worker processes of all hosts, as they last reported themselves. For keys that are `admin`."""
    return {"workers": [wire_object(worker) for worker in await queue_of(request).workers()]}


@router.post("/pause", openapi_extra=request_body("Target"), **_VERB)
async def pause(request: Request, _: Operator) -> None:
    """Give a host, or a model on all hosts, no new jobs until `resume`. What runs ends. For keys that are `admin`."""
    await queue_of(request).pause(**await _read_target(request))


@router.post("/drain", openapi_extra=request_body("Target"), **_VERB)
async def drain(request: Request, _: Operator) -> None:
    """As `pause`, and no pulls, loads and unloads either. For keys that are `admin`."""
    await queue_of(request).drain(**await _read_target(request))


@router.post("/resume", openapi_extra=request_body("Target"), **_VERB)
async def resume(request: Request, _: Operator) -> None:
    """End a pause or a drain. For keys that are `admin`."""
    await queue_of(request).resume(**await _read_target(request))


async def _read_target(request: Request) -> dict[str, str | None]:
    found = await read_json_object(request)
    for name, value in found.items():
        if name not in bodies.Target.model_fields or not isinstance(value, str | None):
            raise InvalidRequest.of(name, "the body has `host` or `model`, with a name")
    return found


def _render_record(record: BaseModel, caller: Caller, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Render the record as JSON. `last_error`, which has the host's address, is for operators."""
    fields = wire_object(record, without=without)
    return fields if caller.admin else fields | {"last_error": None}


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", tags=["process"], responses=response_body("Probe"))
async def healthz() -> dict[str, str]:
    """Whether the process answers. Needs no key."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", tags=["process"], responses=response_body("Probe"))
async def readyz(request: Request) -> dict[str, str]:
    """Whether it takes requests: Redis answers, and the process is not stopping. Needs no key."""
    if request.app.state.draining.is_set():
        raise GatewayError(503, "draining", "this process is stopping")
    await queue_of(request).hosts()
    return {"status": "ready"}

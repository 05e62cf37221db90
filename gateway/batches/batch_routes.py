"""`/v1/batches`."""

import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.access.caller import CurrentCaller
from gateway.batches.batch import Batch, encode_caller
from gateway.batches.file_routes import store_of
from gateway.batches.line_request import ENDPOINTS
from gateway.batches.store import not_found
from gateway.http.errors import GatewayError
from gateway.http.json_body import read_json_object
from gateway.http.list_page import read_first_page
from gateway.openai.parameters import Parameters, only, read_parameters
from llamaq.settings.numerals import AS_WRITTEN
from llamaq.store.batches.batch_scripts import BatchCancel, BatchCreate
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import dumps

_WINDOW = re.compile(r"([1-9]\d{0,5})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MOST_WINDOW = 7 * 86_400
REFUSED = {"output_expires_after": "files of results are kept for LLAMAQ_RESULT_TTL"}
router = APIRouter()


class BatchParameters(Parameters):
    """The parameters of `POST /v1/batches`."""

    input_file_id: str
    endpoint: Annotated[str, only(*ENDPOINTS, reason=f"the endpoints are {', '.join(ENDPOINTS)}")]
    completion_window: str
    metadata: Annotated[dict[str, str], Field(max_length=16)] = Field(default_factory=dict)

    @property
    def seconds(self) -> int:
        """The length of the completion window, in seconds.

        Raises:
            InvalidRequest: it is no such length, or it is too long.
        """
        found = _WINDOW.fullmatch(self.completion_window)
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
        if not 0 < seconds <= MOST_WINDOW:
            raise InvalidRequest.of("completion_window", "give a time such as 24h, up to 7d", "invalid_value")
        return seconds


@router.post("/v1/batches")
async def create(request: Request, caller: CurrentCaller) -> Response:
    """Accept a batch. A process of the gateway takes it up at once."""
    given, store = read_parameters(BatchParameters, await read_json_object(request), REFUSED), store_of(request)
    file = await store.load_file(caller, given.input_file_id, "input_file_id")
    caller = replace(caller, tenant=file.tenant)
    name, output, errors = (SYSTEM.uuid().replace("-", "") for _ in range(3))
    accepted = BatchCreate(
        id=f"batch_{name}",
        tenant=file.tenant,
        input=file.id,
        endpoint=given.endpoint,
        window=given.completion_window,
        seconds=given.seconds,
        metadata=dumps(given.metadata),
        caller=encode_caller(caller),
        output=f"file-{output}",
        errors=f"file-{errors}",
        ttl=store.ttl,
    )
    match (await store.run(accepted)).word:
        case "NO_FILE":
            raise not_found("file", file.id, "input_file_id")
        case "PURPOSE":
            what = f"the file is for {file.purpose}, not for a batch"
            raise GatewayError(400, "invalid_value", what, param="input_file_id")
    request.app.state.runner.wake()
    return JSONResponse((await store.load_batch(caller, accepted.id)).render())


@router.get("/v1/batches")
async def list_batches(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=100), AS_WRITTEN] = 20,
    after: str | None = None,
) -> Response:
    """The batches of the caller's tenant, the newest first."""
    return JSONResponse(
        await read_first_page(store_of(request).list_batches(caller.tenant, after), Batch.render, limit)
    )


@router.get("/v1/batches/{batch_id}")
async def retrieve(request: Request, caller: CurrentCaller, batch_id: str) -> Response:
    """One batch."""
    return JSONResponse((await store_of(request).load_batch(caller, batch_id)).render())


@router.post("/v1/batches/{batch_id}/cancel")
async def cancel(request: Request, caller: CurrentCaller, batch_id: str) -> Response:
    """Cancel a batch: what runs of it is cut, and what was answered stays."""
    store = store_of(request)
    batch = await store.load_batch(caller, batch_id)
    answer = await store.run(BatchCancel(id=batch.id, tenant=batch.tenant))
    if answer.word == "ENDED":
        what = f"a batch that is {answer.text('status')} cannot be cancelled"
        raise GatewayError(409, "batch_ended", what)
    return JSONResponse((await store.load_batch(caller, batch_id)).render())

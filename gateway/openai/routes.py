"""The routes. Each reads a body, submits its job, and gives the answer in OpenAI's form."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.access.caller import Caller, CurrentCaller
from gateway.access.caller_route import CallerRoute
from gateway.http.disconnects import cancel_on_disconnect
from gateway.http.errors import GatewayError
from gateway.http.json_body import read_json_object
from gateway.openai import models
from gateway.openai.chat import read_chat
from gateway.openai.completions import read_completion
from gateway.openai.embeddings import read_embedding
from gateway.openai.parsed_request import ParsedRequest
from gateway.openai.streaming import stream_answer
from gateway.queue_access import JOB_HEADER, queue_of, submit
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.models import ModelStatus

READERS: dict[str, Callable[[Any], ParsedRequest]] = {
    "/v1/chat/completions": read_chat,
    "/v1/completions": read_completion,
    "/v1/embeddings": read_embedding,
}
"""What reads the body of each endpoint that runs a job; a batch takes the lines for the same endpoints."""
router = APIRouter(route_class=CallerRoute, include_in_schema=False)


@router.post("/v1/chat/completions")
async def chat_completions(request: Request, caller: CurrentCaller) -> Response:
    """Answer the messages of a conversation."""
    return await _answer_request(request, caller, read_chat(await read_json_object(request)))


@router.post("/v1/completions")
async def completions(request: Request, caller: CurrentCaller) -> Response:
    """Continue one prompt."""
    return await _answer_request(request, caller, read_completion(await read_json_object(request)))


@router.post("/v1/embeddings")
async def embeddings(request: Request, caller: CurrentCaller) -> Response:
    """Embed texts."""
    return await _answer_request(request, caller, read_embedding(await read_json_object(request)))


@router.get("/v1/models")
async def list_models(request: Request, caller: CurrentCaller) -> Response:
    """The models that the caller may use."""
    return JSONResponse(models.render_list(await _list_models(request, caller)))


@router.get("/v1/models/{name:path}")
async def one_model(request: Request, caller: CurrentCaller, name: str) -> Response:
    """One model."""
    if not name:
        raise HTTPException(404)  # the path of the list, with a `/` too much
    found = models.render_model(await _list_models(request, caller), name)
    if found is None:
        raise GatewayError(404, "model_not_found", f"model '{name}' not found", param="model")
    return JSONResponse(found)


async def _list_models(request: Request, caller: Caller) -> list[ModelStatus]:
    return [model for model in await queue_of(request).models() if caller.may_use(model.model)]


async def _answer_request(request: Request, caller: Caller, parsed: ParsedRequest) -> Response:
    created = int(SYSTEM.time())
    try:
        job = await submit(request, caller, parsed.job)
    except InvalidRequest as error:
        raise parsed.name_parameters(error) from error
    headers = {JOB_HEADER: job.id}
    if parsed.stream:
        return await stream_answer(request, job, parsed.form.chunks(job.id, created), headers)
    async with cancel_on_disconnect(request, job):
        result = await job.result()
    return JSONResponse(parsed.form.render_body(job.id, created, result), headers=headers)

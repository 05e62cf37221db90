"""The routes of Ollama's API. Their errors have Ollama's form."""

from typing import Any, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.access.caller import Caller, CurrentCaller
from gateway.access.caller_route import CallerRoute, Handler
from gateway.http.errors import GatewayError
from gateway.http.json_body import read_body
from gateway.ollama import catalogue, loading, model_names, not_found, pulling
from gateway.ollama.errors import JSON_UTF8, error_answer, is_image
from gateway.ollama.model_check import check_capability, find_model
from gateway.ollama.parsed_request import READERS, Endpoint, ParsedRequest
from gateway.ollama.serving import Stopwatch, answer_request
from gateway.queue_access import JOB_HEADER, queue_of
from llamaq.vocabulary.errors import InvalidRequest, LlamaqError, UnknownModel
from ollama_api import bodies
from ollama_api.encoding import encode_json
from ollama_api.refusal import Refusal

FAILURES = (Refusal, GatewayError, LlamaqError, TimeoutError)


class OllamaRoute(CallerRoute):
    """A route whose errors have Ollama's form."""

    def get_route_handler(self) -> Handler:
        """The handler, with its errors as answers. Called by FastAPI."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except FAILURES as error:
                return error_answer(error).to_response(headers=_job_header(request))

        return handle


router = APIRouter(route_class=OllamaRoute, include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def root() -> Response:
    """Whether the gateway runs. No key is needed."""
    return PlainTextResponse("Ollama is running")


@router.api_route("/api/version", methods=["GET", "HEAD"])
async def version(request: Request, caller: CurrentCaller) -> Response:  # noqa: ARG001 - a key is needed
    """The lowest version among the hosts."""
    found = catalogue.lowest_version(await queue_of(request).hosts())
    if found is None:
        raise Refusal(503, "no host of the queue answers: its workers and their Ollama servers are down")
    return _json_response({"version": found})


@router.api_route("/api/tags", methods=["GET", "HEAD"])
async def tags(request: Request, caller: CurrentCaller) -> Response:
    """The models on the disks of the hosts."""
    return _json_response(catalogue.render_tags(await queue_of(request).models(), caller.may_use))


@router.get("/api/ps")
async def ps(request: Request, caller: CurrentCaller) -> Response:
    """The models in the memories of the hosts."""
    return _json_response(catalogue.render_ps(await queue_of(request).models(), caller.may_use))


@router.post("/api/show")
async def show(request: Request, caller: CurrentCaller) -> Response:
    """One model in detail."""
    body = bodies.show(await request.body())
    model = model_names.check_name(body.get("model") or body.get("name", ""), Refusal(400, "model is required"))
    unknown, queue = Refusal(404, f"model '{model}' not found"), queue_of(request)
    if not caller.may_use(model):
        raise unknown
    try:
        return _json_response(catalogue.render_card(model, await queue.models(), await queue.show(model)))
    except UnknownModel:
        raise unknown from None


@router.post("/api/pull")
async def pull(request: Request, caller: CurrentCaller) -> Response:
    """A pull, where the workers allow it."""
    return await pulling.pull_model(request, caller)


def _add_endpoint(endpoint: Endpoint) -> None:
    @router.post(f"/api/{endpoint}", name=endpoint)
    async def serve(request: Request, caller: CurrentCaller) -> Response:
        waited = Stopwatch()
        parsed = READERS[endpoint](await read_body(request))
        try:
            return await _serve(request, caller, parsed, waited)
        except FAILURES as error:
            return error_answer(error, parsed).to_response(streamed=parsed.stream, headers=_job_header(request))


for one in get_args(Endpoint):
    _add_endpoint(one)


async def _serve(request: Request, caller: Caller, parsed: ParsedRequest, waited: Stopwatch) -> Response:
    match parsed.does:
        case "load":
            return await loading.load_model(request, caller, parsed)
        case "unload":
            return await loading.unload_model(request, caller, parsed)
    try:
        if parsed.refusal is not None:
            raise parsed.refusal
        return await answer_request(request, caller, parsed, waited)
    except (Refusal, InvalidRequest) as error:
        found = await find_model(request, caller, parsed)  # Ollama reports an unknown model first
        if is_image(error):
            check_capability(parsed, found, "vision", "images")
        raise


@router.post("/api/push")
@router.post("/api/create")
@router.post("/api/copy")
@router.delete("/api/delete")
@router.api_route(not_found.BLOBS + "{digest}", methods=["HEAD", "POST"])
async def refuse_change(caller: CurrentCaller) -> Response:  # noqa: ARG001 - a key is needed
    """Refuse what would change the models of a host. Its operator does that on the host."""
    raise Refusal(403, "the queue does not change the models of its hosts, beside pulls: do it on the host itself")


def _job_header(request: Request) -> dict[str, str]:
    """The header that names the job of a request, also where it has failed; none before it has one."""
    job_id = getattr(request.state, "job_id", None)
    return {JOB_HEADER: job_id} if job_id else {}


def _json_response(value: Any) -> Response:
    return Response(encode_json(value), 200, None, JSON_UTF8)

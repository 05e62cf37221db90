"""The routes of Ollama's API. Their errors have Ollama's form."""

from typing import Any, get_args

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.access.caller import Admitted, Caller
from gateway.access.keyed import Handler, KeyedRoute
from gateway.http.errors import GatewayError
from gateway.http.json_body import whole_body
from gateway.ollama import catalogue, loading, model_names, pulling, routing
from gateway.ollama.errors import JSON_UTF8, error_answer, is_image
from gateway.ollama.model_check import check_capability, model_on_hosts
from gateway.ollama.parsed_request import READERS, Endpoint, ParsedRequest
from gateway.ollama.serving import Waited, answered
from gateway.queue_access import JOB_HEADER, queue_of
from llamaq.vocabulary.errors import InvalidRequest, LlamaqError, UnknownModel
from ollama_api import bodies
from ollama_api.encoding import encode_json
from ollama_api.refusal import Refusal

FAILURES = (Refusal, GatewayError, LlamaqError, TimeoutError)


class OllamaRoute(KeyedRoute):
    """A route whose errors have Ollama's form."""

    def get_route_handler(self) -> Handler:
        """The handler, with its errors as answers. Called by FastAPI."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except FAILURES as error:
                return error_answer(error).response(headers=_job_of(request))

        return handle


router = APIRouter(route_class=OllamaRoute, include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def root() -> Response:
    """Whether the gateway runs. No key is needed."""
    return PlainTextResponse("Ollama is running")


@router.api_route("/api/version", methods=["GET", "HEAD"])
async def version(request: Request, by: Admitted) -> Response:  # noqa: ARG001 - a key is needed
    """The lowest version among the hosts."""
    found = catalogue.lowest_version(await queue_of(request).hosts())
    if found is None:
        raise Refusal(503, "no host of the queue answers: its workers and their Ollama servers are down")
    return _json({"version": found})


@router.api_route("/api/tags", methods=["GET", "HEAD"])
async def tags(request: Request, by: Admitted) -> Response:
    """The models on the disks of the hosts."""
    return _json(catalogue.tags(await queue_of(request).models(), by.may_use))


@router.get("/api/ps")
async def ps(request: Request, by: Admitted) -> Response:
    """The models in the memories of the hosts."""
    return _json(catalogue.ps(await queue_of(request).models(), by.may_use))


@router.post("/api/show")
async def show(request: Request, by: Admitted) -> Response:
    """One model in detail."""
    body = bodies.show(await request.body())
    model = model_names.checked(body.get("model") or body.get("name", ""), Refusal(400, "model is required"))
    unknown, queue = Refusal(404, f"model '{model}' not found"), queue_of(request)
    if not by.may_use(model):
        raise unknown
    try:
        return _json(catalogue.card(model, await queue.models(), await queue.show(model)))
    except UnknownModel:
        raise unknown from None


@router.post("/api/pull")
async def pull(request: Request, by: Admitted) -> Response:
    """A pull, where the workers allow it."""
    return await pulling.pulled(request, by)


def _add(endpoint: Endpoint) -> None:
    @router.post(f"/api/{endpoint}", name=endpoint)
    async def serve(request: Request, by: Admitted) -> Response:
        waited = Waited()
        parsed = READERS[endpoint](await whole_body(request))
        try:
            return await _served(request, by, parsed, waited)
        except FAILURES as error:
            return error_answer(error, parsed).response(streamed=parsed.stream, headers=_job_of(request))


for one in get_args(Endpoint):
    _add(one)


async def _served(request: Request, by: Caller, parsed: ParsedRequest, waited: Waited) -> Response:
    match parsed.does:
        case "load":
            return await loading.loaded(request, by, parsed)
        case "unload":
            return await loading.unloaded(request, by, parsed)
    try:
        if parsed.refusal is not None:
            raise parsed.refusal
        return await answered(request, by, parsed, waited)
    except (Refusal, InvalidRequest) as error:
        found = await model_on_hosts(request, by, parsed)  # Ollama reports an unknown model first
        if is_image(error):
            check_capability(parsed, found, "vision", "images")
        raise


@router.post("/api/push")
@router.post("/api/create")
@router.post("/api/copy")
@router.delete("/api/delete")
@router.api_route(routing.BLOBS + "{digest}", methods=["HEAD", "POST"])
async def refused(by: Admitted) -> Response:  # noqa: ARG001 - a key is needed
    """Refuse what would change the models of a host. Its operator does that on the host."""
    raise Refusal(403, "the queue does not change the models of its hosts, beside pulls: do it on the host itself")


def _job_of(request: Request) -> dict[str, str]:
    """The header that names the job of a request, also where it has failed; none before it has one."""
    job_id = getattr(request.state, "job_id", None)
    return {JOB_HEADER: job_id} if job_id else {}


def _json(value: Any) -> Response:
    return Response(encode_json(value), 200, None, JSON_UTF8)

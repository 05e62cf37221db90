"""Kept conversations. A turn is a job: `POST /jobs` with `conversation` and `message`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from gateway.access.caller import Caller, CurrentCaller
from gateway.http.encoded_slashes import EncodedSlashRoute
from gateway.http.errors import GatewayError
from gateway.http.json_body import read_json_object
from gateway.jobs.openapi import ANSWERS, request_body, response_body
from gateway.jobs.query import ONLY_KNOWN
from gateway.queue_access import queue_of
from llamaq.client.aio.conversation import AsyncConversation
from llamaq.settings.numerals import AS_WRITTEN
from llamaq.vocabulary.conversations import ConversationSettings
from llamaq.vocabulary.errors import ConversationNotFound, InvalidRequest
from llamaq.vocabulary.wire import wire_object

router = APIRouter(
    prefix="/conversations",
    tags=["conversations"],
    responses=ANSWERS,
    dependencies=[ONLY_KNOWN],
    route_class=EncodedSlashRoute,
)
Tenant = Annotated[str, Query(description="whose, for a key that is `admin`", pattern=r"^[A-Za-z0-9._@-]{0,128}$")]
_SETTINGS = frozenset(ConversationSettings.model_fields)


@router.get("", responses=response_body("ConversationList"))
async def conversations(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=1000), AS_WRITTEN] = 50,
    tenant: Tenant = "",
) -> dict[str, Any]:
    """The conversations of the key's tenant, the one that was changed last first."""
    found = await queue_of(request).conversations(limit, _check_tenant(caller, tenant))
    return {"conversations": [wire_object(one) for one in found]}


@router.get("/{name}", responses=response_body("Conversation"))
async def conversation(request: Request, caller: CurrentCaller, name: str, tenant: Tenant = "") -> dict[str, Any]:
    """A conversation: its settings, and its messages, oldest first."""
    kept_conversation = _get_conversation(request, caller, name, tenant)
    settings, messages = await kept_conversation.settings(), await kept_conversation.history()
    set_here = settings.model_dump(mode="json", exclude_none=True)
    if not messages and not set_here:
        raise ConversationNotFound(name)
    return {
        "name": name,
        "tenant": kept_conversation.tenant,
        "settings": set_here,
        "messages": [wire_object(one) for one in messages],
    }


@router.patch("/{name}", openapi_extra=request_body("ConversationSettings"), responses=response_body("ChangedSettings"))
async def change_settings(request: Request, caller: CurrentCaller, name: str, tenant: Tenant = "") -> dict[str, Any]:
    """Change settings: `model`, `system`, `options`, `tools`, `ttl`; null clears one."""
    changes = await read_json_object(request)
    for field in changes.keys() - _SETTINGS:
        raise InvalidRequest.of(field, f"is no setting; there are {', '.join(sorted(_SETTINGS))}")
    if isinstance(changes.get("model"), str) and not caller.may_use(changes["model"]):
        raise GatewayError(403, "model_not_allowed", "your key is not for this model", param="model")
    kept_conversation = _get_conversation(request, caller, name, tenant)
    await kept_conversation.set(**changes)
    return {"name": name, "settings": (await kept_conversation.settings()).model_dump(mode="json", exclude_none=True)}


@router.patch("/{name}/turns/{turn}", openapi_extra=request_body("Edit"), responses=response_body("Conversation"))
async def edit(
    request: Request, caller: CurrentCaller, name: str, turn: Annotated[int, AS_WRITTEN], tenant: Tenant = ""
) -> dict[str, Any]:
    """Replace the text of a turn: `{"content": ..., "role": "user" | "assistant"}`."""
    body = await read_json_object(request)
    content = body.get("content")
    role: Any = "user" if body.get("role") is None else body["role"]
    if not isinstance(content, str):
        raise InvalidRequest.of("content", "must be a text")
    if role not in ("user", "assistant"):
        raise InvalidRequest.of("role", "must be `user` or `assistant`")
    await _get_conversation(request, caller, name, tenant).edit(turn, content, role=role)
    return await conversation(request, caller, name, tenant)


@router.post(
    "/{name}/fork", status_code=201, openapi_extra=request_body("Fork"), responses=response_body("Conversation", 201)
)
async def fork(request: Request, caller: CurrentCaller, name: str, tenant: Tenant = "") -> dict[str, Any]:
    """Begin another conversation with the history of this one: `{"name": ..., "at": <turn>}`."""
    body = await read_json_object(request)
    new_name, at = body.get("name"), body.get("at")
    if not isinstance(new_name, str) or not new_name:
        raise InvalidRequest.of("name", "must be the name of the new conversation")
    if at is not None and (not isinstance(at, int) or isinstance(at, bool)):
        raise InvalidRequest.of("at", "must be the number of a turn")
    await _get_conversation(request, caller, name, tenant).fork(new_name, at)
    return await conversation(request, caller, new_name, tenant)


@router.delete("/{name}", status_code=204, response_class=Response)
async def delete(
    request: Request,
    caller: CurrentCaller,
    name: str,
    after: Annotated[int | None, Query(ge=0), AS_WRITTEN] = None,
    tenant: Tenant = "",
) -> Response:
    """Delete a conversation, or only the turns behind `after`."""
    await _get_conversation(request, caller, name, tenant).delete(after)
    return Response(status_code=204)


def _get_conversation(request: Request, caller: Caller, name: str, tenant: str) -> AsyncConversation:
    return queue_of(request).conversation(name, _check_tenant(caller, tenant))


def _check_tenant(caller: Caller, tenant: str) -> str:
    caller.check_tenant(tenant or None)
    return tenant or caller.tenant

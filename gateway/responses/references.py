"""Items of earlier responses that an input names by their ids: clients send `item_reference` for what is kept here."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.access.caller import Caller
from gateway.http.errors import GatewayError
from gateway.responses.builder import PREFIX
from gateway.responses.log_reading import read_to_end
from gateway.responses.parameters import Response
from gateway.responses.parsed_request import ParsedRequest, parse_request
from gateway.responses.stored import find_response, read_history
from llamaq import AsyncJobQueue
from llamaq.vocabulary.wire import JsonObject

_ID = re.compile(r"(?:rs|msg|fc)_(?:([0-9a-f]{32})|(batch_[0-9a-f]{32})(\d+))_\d+")
"""The id of an item of an answer, with its job's: a UUID, or a batch's and a line's."""


async def parse_with_references(queue: AsyncJobQueue, caller: Caller, given: Response) -> ParsedRequest:
    """Make the job that a request asks for, with what it names of earlier responses.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
        GatewayError: 404: there is no such response or item; 400: the response has no answer.
    """
    items = await _resolve_references(queue, caller, given.input)
    return parse_request(
        given.model_copy(update={"input": items}), await read_history(queue, caller, given.previous_response_id)
    )


async def _resolve_references(queue: AsyncJobQueue, caller: Caller, given: Any) -> Any:
    """Put the items themselves in place of their references."""
    if not isinstance(given, list):
        return given
    kept: dict[str, Mapping[str, JsonObject]] = {}
    items = []
    for number, item in enumerate(given):
        if _is_reference(item):
            items.append(await _find_item(queue, caller, item.get("id"), f"input[{number}].id", kept))
        else:
            items.append(item)
    return items


def _is_reference(item: Any) -> bool:
    """Whether an item is a reference; its type may be left out, as in OpenAI's API."""
    if not isinstance(item, Mapping):
        return False
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "role" not in item and isinstance(item.get("id"), str))


async def _find_item(
    queue: AsyncJobQueue, caller: Caller, item_id: Any, param: str, kept: dict[str, Mapping[str, JsonObject]]
) -> JsonObject:
    """Find the item with an id. `kept` has the items of the responses that were read, by the id of the response."""
    what = f"Item with id '{str(item_id)[:200]}' not found. The items of a response with store: false are not kept."
    missing = GatewayError(404, "item_not_found", what, param=param)
    parts = _ID.fullmatch(item_id) if isinstance(item_id, str) else None
    if parts is None:
        raise missing
    response_id = PREFIX + (str(UUID(parts[1])) if parts[1] else f"{parts[2]}-{parts[3]}")
    if response_id not in kept:
        kept[response_id] = await _read_items(queue, caller, response_id, missing)
    if item_id not in kept[response_id]:
        raise missing
    return kept[response_id][item_id]


async def _read_items(
    queue: AsyncJobQueue, caller: Caller, response_id: str, missing: GatewayError
) -> Mapping[str, JsonObject]:
    try:
        stored = await find_response(queue, caller, response_id)
    except GatewayError:
        raise missing from None
    if not stored.status.ended:
        return {}
    builder = await read_to_end(stored.job, stored.note)
    return {item["id"]: item for item in builder.build()["output"]}

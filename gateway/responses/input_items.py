"""The items of a response's input, in pages."""

from collections.abc import Sequence
from typing import Literal

from gateway.http.errors import GatewayError
from gateway.http.list_page import build_list_page
from llamaq.vocabulary.wire import JsonObject

_IDS = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
TYPES = tuple(_IDS)
"""The types of items."""


def list_input_items(
    job_id: str, items: Sequence[JsonObject], *, limit: int, order: Literal["asc", "desc"], after: str | None
) -> JsonObject:
    """List a page of the items. An item that came without an id gets one, the same at each call.

    Raises:
        GatewayError: 400: no item has the id `after`.
    """
    job = job_id.replace("-", "")
    found = [
        {"id": f"{_IDS[item['type']]}_{job}_in{number}", "status": "completed"} | item
        for number, item in enumerate(items)
    ]
    if order == "desc":
        found.reverse()
    if after is not None:
        places = [place for place, item in enumerate(found) if item["id"] == after]
        if not places:
            raise GatewayError(400, "invalid_value", f"no item has the id {after[:200]!r}", param="after")
        found = found[places[0] + 1 :]
    return build_list_page(found, limit)

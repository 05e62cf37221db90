"""Lists in OpenAI's form."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from llamaq.vocabulary.wire import JsonObject

T = TypeVar("T")


def build_list_page(found: Sequence[JsonObject], limit: int) -> JsonObject:
    """Build the page of the first `limit` objects of a list. `has_more` says whether `found` has others behind them."""
    page = found[:limit]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": len(found) > limit}


async def read_first_page(found: AsyncIterator[T], render: Callable[[T], JsonObject], limit: int) -> JsonObject:
    """Read the first `limit` objects of a list that is read one by one. Only one object behind them is read."""
    read: list[JsonObject] = []
    async for each in found:
        read.append(render(each))
        if len(read) > limit:
            break
    return build_list_page(read, limit)

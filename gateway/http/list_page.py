"""Lists in OpenAI's form."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from llamaq.vocabulary.wire import JsonObject

T = TypeVar("T")


def list_page(found: Sequence[JsonObject], limit: int) -> JsonObject:
    """The first `limit` objects of a list. `has_more` says whether `found` has others behind them."""
    page = found[:limit]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": len(found) > limit}


async def first_page(found: AsyncIterator[T], shown: Callable[[T], JsonObject], limit: int) -> JsonObject:
    """The first `limit` objects of a list that is read one by one. Only one object behind them is read."""
    read: list[JsonObject] = []
    async for each in found:
        read.append(shown(each))
        if len(read) > limit:
            break
    return list_page(read, limit)

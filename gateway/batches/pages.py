"""Lists in OpenAI's form."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from llamaq.vocabulary.wire import JsonObject

T = TypeVar("T")


async def paged(found: AsyncIterator[T], shown: Callable[[T], JsonObject], limit: int) -> JsonObject:
    """The first `limit` of what is found, and whether there are more."""
    page: list[JsonObject] = []
    more = False
    async for each in found:
        if len(page) == limit:
            more = True
            break
        page.append(shown(each))
    ends = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return {"object": "list", "data": page, "first_id": ends[0], "last_id": ends[1], "has_more": more}

"""Lists are asked for in pages, and bounded: Redis gives no long list at once."""

from collections.abc import Iterator

from llamaq.vocabulary.errors import InvalidRequest

MOST_LISTED = 1_000_000
"""The highest `limit` of a call that lists something."""
PAGE = 500
"""Entries that one command or script lists, or looks at: other calls wait for it."""


def check_limit(limit: object, name: str = "limit") -> int:
    """Check the number of entries that a caller asks for.

    Raises:
        InvalidRequest: it is no whole number from 1 to a million.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST_LISTED:
        raise InvalidRequest.of(name, f"give a whole number from 1 to {MOST_LISTED}")
    return int(limit)


def split_pages(limit: int) -> Iterator[tuple[int, int]]:
    """Split a list into pages: how many entries come before each, and how many it has.

    Raises:
        InvalidRequest: as `check_limit`.
    """
    for skipped in range(0, check_limit(limit), PAGE):
        yield skipped, min(PAGE, limit - skipped)

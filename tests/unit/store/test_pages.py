"""Lists are read in pages, so that no long list holds Redis up."""

import asyncio

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_error
from llamaq import AsyncJobQueue
from llamaq.client import list_pages

PAGE = 3
LISTED = 7


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three entries in a page."""
    monkeypatch.setattr(list_pages, "PAGE", PAGE)


@pytest.mark.parametrize("limit", [1, PAGE, PAGE + 1, 2 * PAGE, LISTED, 50])
def test_a_list_of_several_pages_is_whole_and_in_order(fleet: Fleet, limit: int) -> None:
    """Jobs, conversations and dead letters, the newest first, in either client, as many as are asked for."""
    turns = [fleet.queue.chat(MODEL, conversation=f"c{number}", message="a") for number in range(LISTED)]
    for number in range(LISTED):
        fleet.open_store().refuse("", f"k{number}", "inbox", "x", make_error())
    for number in range(LISTED):
        fleet.queue.conversation(f"c{number}").set(system=f"s{number}")

    async def listed() -> list[list[str]]:
        async with AsyncJobQueue(fleet.queue.url, prefix=fleet.keys.prefix) as queue:
            return [
                [status.id for status in await queue.jobs(limit)],
                [found.name for found in await queue.conversations(limit)],
                [letter.kind for letter in await queue.dead(limit)],
            ]

    names = [
        [job.id for job in turns][::-1][:limit],
        [f"c{number}" for number in range(LISTED)][::-1][:limit],
        [f"k{number}" for number in range(LISTED)][::-1][:limit],
    ]
    assert asyncio.run(listed()) == names
    assert [status.id for status in fleet.queue.jobs(limit)] == names[0]
    assert [found.name for found in fleet.queue.conversations(limit)] == names[1]
    assert [letter.kind for letter in fleet.queue.dead(limit)] == names[2]


@pytest.mark.parametrize("letter_id", ["x", "", "1-", "99999999999999999999999"])
def test_an_id_that_no_dead_letter_can_have_is_not_found(fleet: Fleet, letter_id: str) -> None:
    """As one that is gone: Redis would refuse the command, which looked like a fault of the connection."""
    assert fleet.queue.dead_letter(letter_id) is None

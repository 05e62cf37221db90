"""What a reader is given at a time: the events that are there together, in their order, and all before an error."""

from typing import Any

import pytest

from llamaq import StreamError
from llamaq.client.job_events import MOST_JOINED, join_events
from llamaq.store.log_follower import LogEntry, LogFollower, ReadLog, Receive, SubscriptionLost
from llamaq.vocabulary.events import parse_piece
from tests.unit.store.log_world import END, delta_entry


def entries(number: int, first: int = 1) -> list[LogEntry]:
    return [(f"{count}-0", delta_entry(count)) for count in range(first, first + number)]


def given(log: list[LogEntry], published: list[LogEntry | None], more: list[bool]) -> list[list[str]]:
    """The cursors of each list, for what the log holds, what comes, and whether something waits at each wait."""
    found: list[list[str]] = []
    steps = join_events(LogFollower("job", parse=parse_piece).events(), lambda: more.pop(0))
    reply: Any = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration:
            return found
        except (StreamError, SubscriptionLost):
            return [*found, ["error"]]
        match step:
            case list():
                found.append([event.cursor for event in step])
                reply = None
            case ReadLog():
                log, reply = [], log
            case Receive():
                reply = published.pop(0)
            case _:
                reply = []


def test_a_page_of_the_log_is_one_list() -> None:
    """Read again from its start, a stream is a few writes, and not one for each piece."""
    assert given([*entries(3), ("9-0", END)], [], []) == [["1-0", "2-0", "3-0", "9-0"]]


def test_what_waits_is_given_together_and_nothing_waits_for_what_does_not() -> None:
    """Of three that come, the first two are there at once."""
    come = [*entries(3, first=2), ("9-0", END)]
    assert given(entries(1), [*come], [True, False, True, True]) == [["1-0", "2-0"], ["3-0", "4-0", "9-0"]]
    assert given(entries(1), [*come], [False] * 4) == [["1-0"], ["2-0"], ["3-0"], ["4-0"], ["9-0"]]


def test_a_list_is_bounded() -> None:
    """A slow reader holds no more than this, whatever is there."""
    size = len(delta_entry(100))
    log = [(f"{count}-0", delta_entry(100 + count % 800)) for count in range(1, 400)]
    lists = given([*log, ("999-0", END)], [], [])

    assert [cursor for each in lists for cursor in each] == [cursor for cursor, _ in log] + ["999-0"]
    assert all(len(each) * size <= MOST_JOINED + size for each in lists)
    assert len(lists) > 1


@pytest.mark.parametrize("bad", ["{", '{"v":2,"type":"delta","attempt":1,"at":1.0,"text":"a"}'])
def test_what_was_read_before_an_error_is_given(bad: str) -> None:
    """A damaged entry takes nothing away that stands before it."""
    assert given([*entries(2), ("3-0", bad)], [], []) == [["1-0", "2-0"], ["error"]]

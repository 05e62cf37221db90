"""What holds for the events of every job that has ended, whatever happened to it."""

from collections.abc import Sequence
from typing import Any

from llamaq import Event, Job
from llamaq.vocabulary.events import Completed, Delta, Retrying, Started
from tests.service import last_text


def assert_ended_once(events: Sequence[Event]) -> None:
    """One terminal event, and it is the last."""
    assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]


def assert_not_mixed(events: Sequence[Event]) -> None:
    """Attempts come one after another: nothing of one stands behind the beginning of the next, or behind its end."""
    running = 0
    for event in events:
        if isinstance(event, Started):
            assert event.attempt > running, f"attempt {event.attempt} began again: {events}"
            running = event.attempt
        elif isinstance(event, Delta):
            assert event.attempt == running, f"words of attempt {event.attempt} in attempt {running}: {events}"
        elif isinstance(event, Retrying):
            assert event.attempt == running, f"attempt {event.attempt} was given back in attempt {running}: {events}"


def assert_completed(job: Job[Any], attempt: int, text: str | None = None) -> list[Event]:
    """The job is completed by this attempt; its log is whole, and the text of the last attempt is the result's."""
    result = job.result(60)
    events = list(job.events())
    assert_ended_once(events)
    assert_not_mixed(events)
    assert isinstance(events[-1], Completed)
    begun = [event.attempt for event in events if isinstance(event, Started)]
    assert begun[-1] == result.attempts == attempt, f"attempts {begun}: {events}"
    assert last_text(events) == result.text
    assert text in (None, result.text)
    return events

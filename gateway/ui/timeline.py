"""A job's log on an axis of time: the phases between its events, and the events themselves, without texts."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from llamaq import Event, JobStatus
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.errors import CursorExpired, StreamError
from llamaq.vocabulary.events import Delta, Progress, Queued, Retrying, Started

MOST_EVENTS = 5000
PEEK_SECONDS = 0.2
"""The log of a job that goes on is read until nothing has come for so long."""
LOG_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the log; the deltas between two others are one row.

    Attributes:
        at: Unix seconds.
        type: of the event.
        attempt: of the event.
        text: what it says beside, never content.
    """

    at: float
    type: str
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the axis, in thousandths of its length."""

    name: str
    attempt: int
    x: float
    width: float
    seconds: float


async def read_rows(job: AsyncJob[Any], status: JobStatus) -> list[Row]:
    """Read the rows of a job's log, oldest first."""
    found: list[Row] = []
    number = 0
    async with aclosing(job.events(fresh=False)) as events:
        while number < MOST_EVENTS:
            try:
                async with asyncio.timeout(LOG_SECONDS if status.ended else PEEK_SECONDS):
                    event = await anext(events, None)
            except (TimeoutError, CursorExpired, StreamError):
                break
            if event is None:
                break
            number += 1
            _add_event(found, event)
    return found


def _add_event(found: list[Row], event: Event) -> None:
    if isinstance(event, Delta | Progress) and found and (last := found[-1]).type == event.type:
        pieces = int(last.text.split(" ")[0]) + 1 if isinstance(event, Delta) else 0
        text = f"{pieces} pieces" if pieces else _describe(event)
        found[-1] = Row(last.at, last.type, last.attempt, text)
        return
    found.append(Row(event.at.timestamp(), event.type, event.attempt, _describe(event)))


def _describe(event: Event) -> str:
    match event:
        case Queued(position=int(position)):
            return f"{position} ahead"
        case Started(host=host, worker=worker):
            return f"on {host} by {worker}"
        case Delta():
            return "1 pieces"
        case Progress(stage=stage):
            return stage
        case Retrying(error=error, delay_seconds=delay):
            return f"{error.reason or error.code}; again after {delay:.1f} s"
    return ""


_PHASES = {"queued": "waits", "started": "runs", "progress": "runs", "delta": "answers", "retrying": "pauses"}


def build_phases(found: Sequence[Row], until: float) -> list[Phase]:
    """Build the phases from the first event to `until`, or to the terminal event."""
    if not found:
        return []
    begin, end = found[0].at, max(until, found[-1].at)
    length = max(end - begin, 0.001)
    made: list[Phase] = []
    for row, after in zip(found, [*(one.at for one in found[1:]), end], strict=True):
        name = _PHASES.get(row.type)
        if name is None:
            continue
        seconds = max(after - row.at, 0.0)
        if made and made[-1].name == name and made[-1].attempt == row.attempt:
            last = made.pop()
            made.append(Phase(name, row.attempt, last.x, last.width + seconds / length * 1000, last.seconds + seconds))
        else:
            x = (row.at - begin) / length * 1000
            made.append(Phase(name, row.attempt, x, seconds / length * 1000, seconds))
    return made

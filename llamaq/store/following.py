"""Reading a job's log to its end, without any I/O: a generator of wants, which a sync and an async driver fulfil.

The order is what makes it whole: subscribe, wait until Redis confirms, read the log from the cursor, and only then take
what is published, dropping what the log gave already. A confirmation that comes again (the client had lost its
connection) means that something may have been missed, so the log is read again.

While the job is queued its log is silent, and its place moves on all the same: so once a second the reader looks at
that, and makes a `queued` event of its own when it has changed. A job changes its state and its log in one step, so one
that is still queued has written nothing: the look stands in for reading the log again, and costs one command.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

from llamaq.vocabulary import events
from llamaq.vocabulary.errors import CursorExpired, JobNotFound, StreamError
from llamaq.vocabulary.events import Event, Queued
from llamaq.vocabulary.status import TERMINAL_STATES

PAGE = 500
CHECK_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""Between two looks at the place of a queued job."""
OUTAGE_SECONDS = 120.0
"""How long a reader goes on trying while Redis does not answer."""
_CURSOR = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})?")  # Redis takes 64 bits
_TYPE_AT = len('{"v":1,"type":"')


@dataclass(frozen=True, slots=True)
class Read:
    """Want: up to `PAGE` entries of the log behind `cursor`, as (cursor, payload)."""

    cursor: str


@dataclass(frozen=True, slots=True)
class ReadLast:
    """Want: the last entry of the log, as a list of at most one (cursor, payload)."""


@dataclass(frozen=True, slots=True)
class Exists:
    """Want: whether the job's record is there."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Want: the next published entry within so many seconds, None after them, or `RESUBSCRIBED`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """Want: the job's `Standing`, None when there is no such job."""


class Standing(NamedTuple):
    """Where a job stands at a time (Unix seconds); while it waits, the jobs ahead and the seconds until it starts."""

    state: str
    position: int | None
    eta_seconds: float | None
    at: float


RESUBSCRIBED = ("", "")
Entry = tuple[str, str]
Want = Read | ReadLast | Exists | Listen | Look


class Following:
    """A place in one job's log, kept over lost connections. With `fresh`, it looks at a queued job's place too.

    Attributes:
        cursor: the last event's.
        ended: whether that was the terminal one.
        answers: how often Redis has answered: an outage is over when it grows, though a queued job's log does not.
    """

    def __init__(self, job_id: str, after: str | None = None, *, fresh: bool = True) -> None:
        if after is not None and not (isinstance(after, str) and _CURSOR.fullmatch(after)):
            raise StreamError(f"{after!r} is not a cursor: hand in the `cursor` of an event")
        self._job_id = job_id
        self._attached_at = after
        self._fresh = fresh
        self._queued = False
        self._told: tuple[int, float | None] | None = None
        self.cursor = after or "0-0"
        self.ended = False
        self.answers = 0

    def events(self) -> Generator[Want | Event, Any, None]:
        """Every event behind the cursor, up to the terminal one.

        Raises:
            JobNotFound: there is no such job.
            CursorExpired: there is no longer such a log.
        """
        yield from self._replay()
        while not self.ended:
            looks = self._queued and self._fresh
            entry = yield Listen(LOOK_SECONDS if looks else CHECK_SECONDS)
            if entry is None and looks:
                yield from self._look()
            elif entry is None or entry == RESUBSCRIBED:
                yield from self._replay()
            else:
                yield from self._take([entry])

    def end(self) -> Generator[Want | Event, Any, None]:
        """The terminal event alone, without reading the log: it is its last entry."""
        entries: list[Entry] = yield ReadLast()
        self.answers += 1
        if not entries:
            yield from self._require()
        while not self.ended:
            yield from self._take([entry for entry in entries if _type(entry[1]) in TERMINAL_STATES])
            if not self.ended:
                entry = yield Listen(CHECK_SECONDS)
                lost = entry is None or entry == RESUBSCRIBED
                entries = (yield ReadLast()) if lost else [entry]
                if lost and not entries:
                    yield from self._require()

    def _replay(self) -> Generator[Want | Event, Any, None]:
        entries: list[Entry] = yield Read(self.cursor)
        self.answers += 1
        if not entries:
            yield from self._require()
            yield from self._notice_the_end()
        while entries:
            yield from self._take(entries)
            entries = (yield Read(self.cursor)) if len(entries) == PAGE and not self.ended else []

    def _look(self) -> Generator[Want | Event, Any, None]:
        standing: Standing | None = yield Look()
        if standing is None or standing.state != "queued":
            yield from self._replay()  # what was published is late, or lost
            return
        position, eta = standing.position, standing.eta_seconds
        # Without a position it has a slot and is about to start.
        if position is not None and (position, eta) != self._told:
            self._told = position, eta
            yield events.place(self.cursor, position, eta, standing.at)

    def _take(self, entries: list[Entry]) -> Generator[Want | Event, Any, None]:
        for cursor, payload in entries:
            if _order(cursor) > _order(self.cursor) and not self.ended:
                event = events.parse(cursor, payload)
                self.cursor, self.ended = cursor, event.terminal
                self._queued = isinstance(event, Queued)
                if isinstance(event, Queued):
                    self._told = event.position, event.eta_seconds
                yield event

    def _notice_the_end(self) -> Generator[Want | Event, Any, None]:
        # Attached at the terminal event itself (a browser that connects again): nothing will ever be published.
        last: list[Entry] = yield ReadLast()
        self.ended = any(
            _type(payload) in TERMINAL_STATES and _order(cursor) <= _order(self.cursor) for cursor, payload in last
        )
        # Attached behind the `queued` event, it is known only from here that the job still waits.
        self._queued = any(_type(payload) == "queued" for _, payload in last)

    def _require(self) -> Generator[Want | Event, Any, None]:
        if not (yield Exists()):
            if self._attached_at is None and self.cursor == "0-0":
                raise JobNotFound(self._job_id)
            raise CursorExpired(f"the log of job {self._job_id} is no longer kept (LLAMAQ_RESULT_TTL)")


def _order(cursor: str) -> tuple[int, int]:
    milliseconds, _, sequence = cursor.partition("-")
    return int(milliseconds), int(sequence or 0)


def _type(payload: str) -> str:
    return payload[_TYPE_AT : payload.index('"', _TYPE_AT)]

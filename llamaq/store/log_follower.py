"""Reads a job's log to its end, without any I/O: a generator yields steps, which a blocking or an asyncio driver does.

The order of the steps leaves no gap and no duplicate: subscribe, wait for Redis' confirmation, read the log from the
cursor, and only then take published entries, without those that the log gave already. A second confirmation means that
the client had lost its connection. Entries may have been missed then, so the log is read again.

A queued job writes nothing to its log, but its position changes. So the reader polls it once a second, and makes a
`queued` event of its own when the position has changed. A job's state and its log change in one step: while the state
is `queued`, no entry was missed, and the log need not be read again.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from llamaq.store.keys import is_cursor
from llamaq.vocabulary import events
from llamaq.vocabulary.errors import CursorExpired, JobNotFound, StreamError
from llamaq.vocabulary.events import Event, Piece, Queued
from llamaq.vocabulary.status import TERMINAL_STATES, Snapshot

PAGE = 500
CHECK_SECONDS = 15.0
"""Silence after which the log is read again."""
CHECK_MASTER_SECONDS = 5.0
"""The same with Sentinels: a master that has frozen is silent too, and another one has the log then."""
POLL_SECONDS = 1.0
"""Between two polls of a queued job's position."""
OUTAGE_SECONDS = 120.0
"""How long a reader goes on trying while Redis does not answer."""
APPEAR_SECONDS = 3.0
"""How long attaching waits for a job: a request that was sent without the SDK is one when a worker has taken it in."""
APPEAR_LOOKS = 6
_GONE = "job {} is no longer kept: `result_ttl` (LLAMAQ_RESULT_TTL) is over, it was deleted, or Redis has lost it"
_TYPE_AT = len('{"v":1,"type":"')

LogEntry = tuple[str, str]
"""A cursor, and the JSON of an event."""
RESUBSCRIBED: LogEntry = ("", "")
"""The reply to `Receive` when Redis has confirmed a subscription."""


@dataclass(frozen=True, slots=True)
class ReadLog:
    """Reply with up to `PAGE` entries of the log behind `cursor`."""

    cursor: str


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """Reply with a list of the entry at `cursor`; an empty list where there is none."""

    cursor: str


@dataclass(frozen=True, slots=True)
class ReadConfirmed:
    """Reply as to `ReadEntry`, of what the master and a replica have."""

    cursor: str


@dataclass(frozen=True, slots=True)
class ReadLastEntry:
    """Reply with a list of the log's last entry; an empty list where there is none."""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """Reply with whether the job is kept: it has a record, and was not deleted."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Reply with the next published entry, with None after so many seconds without one, or with `RESUBSCRIBED`.

    While it waits, a driver may call `take` with an entry. One that `take` returns True for is no reply any more.
    """

    seconds: float
    take: "Callable[[LogEntry], bool] | None" = None


@dataclass(frozen=True, slots=True)
class PollStatus:
    """Reply with the job's `Snapshot`; None where there is no such job."""


Question = ReadLog | ReadEntry | ReadConfirmed | ReadLastEntry | CheckRecord | PollStatus
Step = Question | Receive
Steps = Generator[Step | Event | Piece, Any, None]
"""Yields steps, whose replies are sent into it, and what `parse` makes of entries, for which None is sent."""
Parse = Callable[[str, str], Event | Piece]
"""`events.parse`, or `events.parse_piece`."""
TakePiece = Callable[[Piece], bool]
"""Whether it has taken a piece. It must not wait."""


class SubscriptionLost(Exception):
    """Nothing more comes over the subscription: the driver subscribes again."""


class LogFollower:
    """Follows one job's log. It keeps its cursor, so that a driver may begin again after a lost connection.

    Attributes:
        cursor: the last event's.
        ended: whether that was the terminal one.
    """

    def __init__(
        self,
        job_id: str,
        after: str | None = None,
        *,
        fresh: bool = True,
        confirmed: bool = False,
        parse: Parse = events.parse,
        take_piece: TakePiece | None = None,
    ) -> None:
        """Start behind the cursor `after`. With `fresh`, the position of a queued job is polled.

        With `confirmed`, the end is given when a replica has it too: no failover takes it back.
        `parse` makes of a cursor and its entry what is yielded; a live `Piece` is not where `take_piece` takes it.
        """
        if after is not None and not is_cursor(after):
            raise StreamError(f"{after!r} is not a cursor: hand in the `cursor` of an event")
        self._job_id = job_id
        self._after = after
        self._fresh = fresh
        self._confirmed = confirmed
        self._check_seconds = CHECK_MASTER_SECONDS if confirmed else CHECK_SECONDS
        self._parse = parse
        self._take_piece = take_piece
        self._last_position: tuple[int | None, float | None] | None = None
        self._last_payload: str | None = None
        self.cursor = after or "0-0"
        self._order = _parse_cursor(self.cursor)
        self.ended = self._queued = False

    def events(self) -> Steps:
        """Every event behind the cursor, up to the terminal one.

        Raises:
            JobNotFound: there is no such job.
            CursorExpired: there is no longer such a log, or Redis has lost the event at the cursor.
        """
        yield from self._read_log()
        while not self.ended:
            polls = self._queued and self._fresh
            entry = yield Receive(POLL_SECONDS if polls else self._check_seconds, self._take_piece and self._take_entry)
            if entry is None and polls:
                yield from self._poll_position()
            elif entry is None:
                yield from self._check_silence()
            elif entry == RESUBSCRIBED:
                yield from self._read_log()
            else:
                yield from self._accept([entry])

    def end(self) -> Steps:
        """The terminal event alone, without reading the log: it is its last entry."""
        entries: list[LogEntry] = yield ReadLastEntry()
        if not entries:
            entries = yield from self._wait_for_record(ReadLastEntry())
        while not self.ended:
            yield from self._accept([entry for entry in entries if self._is_end(*entry)])
            if not self.ended:
                entry = yield Receive(self._check_seconds)
                missed = entry is None or entry == RESUBSCRIBED
                entries = (yield ReadLastEntry()) if missed else [entry]
                if missed and not entries:
                    entries = yield from self._wait_for_record(ReadLastEntry())

    def _is_end(self, cursor: str, payload: str) -> bool:
        if not payload.startswith('{"v":'):
            self._parse(cursor, payload)  # raises StreamError: behind what something else has written no end may come
        return is_end(payload)

    def _read_log(self) -> Steps:
        yield from self._require_last_event()
        entries: list[LogEntry] = yield ReadLog(self.cursor)
        if not entries:
            entries = yield from self._wait_for_record(ReadLog(self.cursor))
            yield from self._check_last_entry()
        while entries:
            yield from self._accept(entries)
            entries = (yield ReadLog(self.cursor)) if len(entries) == PAGE and not self.ended else []

    def _check_silence(self) -> Steps:
        """Read the log after a silence. What it brings was published, and has not come.

        Raises:
            SubscriptionLost: so the connection is dead, although nothing has closed it.
        """
        cursor = self.cursor
        yield from self._read_log()
        if self.cursor != cursor and not self.ended:
            raise SubscriptionLost

    def _poll_position(self) -> Steps:
        snapshot: Snapshot | None = yield PollStatus()
        if snapshot is None or snapshot.state != "queued":
            yield from self._check_silence()  # the entry that says so was published late, or lost
        elif snapshot.position is not None:  # without one the job has a slot, and is about to start
            position = snapshot.position, snapshot.eta_seconds
            if position != self._last_position:
                self._last_position = position
                yield events.build_queued(self.cursor, *position, snapshot.at)

    def _accept(self, entries: list[LogEntry]) -> Steps:
        """The events of the entries that are new."""
        for cursor, payload in entries:
            order = _parse_cursor(cursor)
            if order > self._order and not self.ended:
                event = self._parse(cursor, payload)
                if event.terminal and self._confirmed:
                    yield from self._require_confirmed(cursor, payload)
                self.cursor, self._order = cursor, order
                self._last_payload, self.ended, self._queued = payload, event.terminal, isinstance(event, Queued)
                if isinstance(event, Queued):
                    self._last_position = event.position, event.eta_seconds
                yield event

    def read_live(self, entry: LogEntry, take_piece: TakePiece | None = None) -> Event | Piece | None:
        """Read the event of a new `delta`, which `take_piece`, if given, has to take; else None. Raises as `events`."""
        cursor, payload = entry
        if self._queued or not events.is_delta(payload) or (order := _parse_cursor(cursor)) <= self._order:
            return None
        event = self._parse(cursor, payload)
        if take_piece and not (isinstance(event, Piece) and take_piece(event)):
            return None
        self.cursor, self._order, self._last_payload = cursor, order, payload
        return event

    def _take_entry(self, entry: LogEntry) -> bool:
        """Whether `take_piece` has taken the entry. Its error is raised where the reader then reads the entry."""
        try:
            return self.read_live(entry, self._take_piece) is not None
        except Exception:  # noqa: BLE001 - as above
            return False

    def _require_confirmed(self, cursor: str, payload: str) -> Steps:
        """Check that a failover would not take this end back.

        Raises:
            SubscriptionLost: the master does not have it: a server that has been replaced wrote it.
        """
        found: list[LogEntry] = yield ReadConfirmed(cursor)
        if [payload] != [entry for _, entry in found] and (yield CheckRecord()):  # else the job has been deleted
            raise SubscriptionLost

    def _check_last_entry(self) -> Steps:
        """Set `ended` and `_queued` by the log's last entry, where no entry is behind the cursor."""
        last: list[LogEntry] = yield ReadLastEntry()
        # A cursor of the terminal event itself (a browser that connects again): nothing more will be published.
        self.ended = any(is_end(payload) and _parse_cursor(cursor) <= self._order for cursor, payload in last)
        self._queued = any(_parse_type(payload) == "queued" for _, payload in last)

    def _require_last_event(self) -> Steps:
        # A failover to a replica that lagged behind loses the last writes. The log then goes on from an earlier event.
        if self._order == (0, 0):
            return
        found: list[LogEntry] = yield ReadEntry(self.cursor)
        if found and self._last_payload in (None, found[0][1]):
            return
        if not (yield CheckRecord()):
            raise CursorExpired(_GONE.format(self._job_id))
        raise CursorExpired(
            f"Redis has lost the event at {self.cursor} of job {self._job_id}, as in a failover to a replica that "
            "lagged behind, or the cursor is of another job: read the log from its start, and drop what was read before"
        )

    def _wait_for_record(self, again: ReadLog | ReadLastEntry) -> Generator[Step | Event | Piece, Any, list[LogEntry]]:
        """Wait for the record of a job without a log, and read again: a worker may be about to take the job in."""
        if (yield CheckRecord()):
            return []
        if self._after is not None or self.cursor != "0-0":
            raise CursorExpired(_GONE.format(self._job_id))
        for _ in range(APPEAR_LOOKS):
            yield Receive(APPEAR_SECONDS / APPEAR_LOOKS)
            entries: list[LogEntry] = yield again
            if entries:
                return entries
        raise JobNotFound(self._job_id)


def is_end(payload: str) -> bool:
    """Whether the event is the last one of its job."""
    return _parse_type(payload) in TERMINAL_STATES


def _parse_cursor(cursor: str) -> tuple[int, int]:
    milliseconds, _, sequence = cursor.partition("-")
    return int(milliseconds), int(sequence or 0)


def _parse_type(payload: str) -> str:
    return payload[_TYPE_AT : payload.find('"', _TYPE_AT)]  # of what something else has written: any text

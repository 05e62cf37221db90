"""Reading a log without a gap or a duplicate: the generator of steps, with hypothesis as the network."""

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import CursorExpired, Event, JobNotFound, StreamError
from llamaq.store.log_follower import (
    PAGE,
    POLL_SECONDS,
    RESUBSCRIBED,
    CheckRecord,
    LogEntry,
    LogFollower,
    PollStatus,
    ReadEntry,
    ReadLastEntry,
    ReadLog,
    Receive,
    Snapshot,
    SubscriptionLost,
)
from llamaq.vocabulary.events import Queued

STEPS = ReadLog | ReadEntry | ReadLastEntry | CheckRecord | Receive | PollStatus


def _delta(number: int) -> str:
    return f'{{"v":1,"type":"delta","attempt":1,"at":1.0,"text":"{number}"}}'


END = '{"v":1,"type":"cancelled","attempt":1,"at":2.0,"reason":"x"}'


def _log(deltas: int) -> list[LogEntry]:
    """A whole log; several entries share a millisecond, and cursors grow in digits."""
    cursors = [f"{9 + number // 3}-{number % 3}" for number in range(deltas + 1)]
    return [*((cursor, _delta(number)) for number, cursor in enumerate(cursors[:-1])), (cursors[-1], END)]


def _order(cursor: str) -> tuple[int, int]:
    milliseconds, sequence = cursor.split("-")
    return int(milliseconds), int(sequence)


class World:
    """A log that grows while it is read, and a channel that loses, doubles and delays."""

    def __init__(self, log: list[LogEntry], chance: Random, written: int) -> None:
        self.log, self.chance, self.written = log, chance, written
        self.published: list[LogEntry] = []

    def _grow(self) -> None:
        """Some entries are written, and each is published, doubled, or lost with the connection."""
        for entry in self.log[self.written : self.written + self.chance.randint(0, 3)]:
            self.published += self.chance.choice(([entry], [entry, entry], [RESUBSCRIBED]))
            self.written += 1

    def answer(self, step: Any) -> Any:
        self._grow()
        there = self.log[: self.written]
        match step:
            case ReadLog(cursor):
                return [entry for entry in there if _order(entry[0]) > _order(cursor)][:PAGE]
            case ReadEntry(cursor):
                return [entry for entry in there if entry[0] == cursor]
            case ReadLastEntry():
                return there[-1:]
            case CheckRecord():
                return True
            case PollStatus():
                return self.snapshot()
        assert isinstance(step, Receive)
        return self.published.pop(0) if self.published else self.chance.choice((None, RESUBSCRIBED))

    def snapshot(self) -> Snapshot:
        """The state is the last one written; the place moves as it likes, and is none once a slot is given."""
        state = "queued" if '"queued"' in self.log[self.written - 1][1] else "running"
        return Snapshot(state, self.chance.choice((None, 0, 1)), self.chance.choice((None, 2.5)), 9.0)


def _run(begin: Callable[[], Any], world: World) -> list[Event]:
    """As the driver does: it begins anew where the subscription is lost."""
    found: list[Event] = []
    steps, answer = begin(), None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return found
        except SubscriptionLost:
            steps, answer = begin(), None
            continue
        if isinstance(step, STEPS):
            answer = world.answer(step)
        else:
            found.append(step)
            answer = None


@given(st.integers(0, 40), st.integers())
def test_whatever_the_network_does_the_events_are_exactly_the_log(deltas: int, seed: int) -> None:
    """Entries lost, doubled, late, connections cut, at any moment, from any cursor: no gap, no duplicate, in order."""
    log = _log(deltas)
    chance = Random(seed)
    start = chance.randint(0, len(log))
    world = World(log, chance, chance.randint(start, len(log)))
    following = LogFollower("job", log[start - 1][0] if start else None)

    found = _run(following.events, world)

    assert [(event.cursor, event.payload) for event in found] == log[start:]
    assert following.ended


@given(st.integers(0, 40), st.integers())
def test_the_machine_may_be_started_anew_at_any_moment(deltas: int, seed: int) -> None:
    """The driver gives up a generator when its connection breaks; the next goes on where that one was."""
    log = _log(deltas)
    chance = Random(seed)
    world = World(log, chance, 1)
    following = LogFollower("job")
    found: list[Event] = []
    while not following.ended:
        steps, answer = following.events(), None
        for _ in range(chance.randint(1, 9)):
            try:
                step = steps.send(answer)
            except (StopIteration, SubscriptionLost):
                break
            if isinstance(step, STEPS):
                answer = world.answer(step)
            else:
                found.append(step)
                answer = None

    assert [(event.cursor, event.payload) for event in found] == log


@given(st.integers(0, 40), st.integers())
def test_the_end_is_the_terminal_event_alone(deltas: int, seed: int) -> None:
    """`result()` sees one event, whatever was lost on the way."""
    log = _log(deltas)
    chance = Random(seed)
    world = World(log, chance, chance.randint(1, len(log)))

    (event,) = _run(LogFollower("job").end, world)

    assert (event.cursor, event.payload) == log[-1]


def test_a_long_log_is_read_in_pages() -> None:
    """More entries than a page holds come without a gap."""
    log = _log(2 * PAGE)
    world = World(log, Random(1), len(log))

    assert [event.cursor for event in _run(LogFollower("job").events, world)] == [cursor for cursor, _ in log]


@pytest.mark.parametrize("after", ["9-0", "9-1"])
def test_who_attaches_behind_the_end_gets_nothing_and_does_not_wait(after: str) -> None:
    """A browser that connects again with the cursor of the terminal event is done at once."""
    log = _log(0) if after == "9-0" else _log(1)
    world = World(log, Random(1), len(log))

    assert _run(LogFollower("job", after).events, world) == []


class GoesBack(World):
    """A log of which a failover loses what was written last; then it goes on, by another server's clock."""

    def __init__(self, kept: int, goes_on: list[LogEntry], *, told: bool) -> None:
        log = _log(6)[:5]
        super().__init__(log, Random(1), len(log))
        self.after = [*log[:kept], *goes_on]
        self.signs: list[LogEntry | None] = [RESUBSCRIBED if told else None]

    def answer(self, step: Any) -> Any:
        if isinstance(step, Receive):
            self.log, self.written = self.after, len(self.after)
            return self.signs.pop()
        return super().answer(step)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("kept", "goes_on"),
    [
        (3, []),
        (3, [("10-1", END)]),  # a clock that is behind: below the cursor
        (3, [("12-0", _delta(3)), ("12-1", END)]),
        (4, [("10-1", _delta(9)), ("12-1", END)]),  # the very cursor, given to another event
    ],
)
def test_a_log_that_went_back_is_told(kept: int, goes_on: list[LogEntry], told: bool) -> None:
    """What comes then does not continue what was given, so the reader has to begin again."""
    with pytest.raises(CursorExpired, match="has lost the event at 10-1"):
        _run(LogFollower("job").events, GoesBack(kept, goes_on, told=told))


def test_a_log_that_lost_nothing_which_was_given_goes_on() -> None:
    """Only what the reader has seen matters to it."""
    world = GoesBack(5, [("10-2", END)], told=True)

    found = _run(LogFollower("job").events, world)

    assert [(event.cursor, event.payload) for event in found] == world.after


def test_a_cursor_of_an_event_that_was_lost_is_refused() -> None:
    """Nothing would ever come behind a cursor that is ahead of the log, as with a master whose clock is behind."""
    log = _log(1)
    with pytest.raises(CursorExpired, match="has lost the event at 99-0"):
        _run(LogFollower("job", "99-0").events, World(log, Random(1), len(log)))


class Empty(World):
    """A Redis that knows nothing of the job."""

    def __init__(self) -> None:
        super().__init__([], Random(1), 0)

    def answer(self, step: Any) -> Any:
        return False if isinstance(step, CheckRecord) else []


def test_a_job_that_is_not_there_is_told_from_a_log_that_is_gone() -> None:
    """Without a cursor the id is wrong; with one, there was a log once."""
    with pytest.raises(JobNotFound):
        _run(LogFollower("job").events, Empty())
    with pytest.raises(JobNotFound):
        _run(LogFollower("job").end, Empty())
    with pytest.raises(CursorExpired, match="LLAMAQ_RESULT_TTL"):
        _run(LogFollower("job", "9-0").events, Empty())


@pytest.mark.parametrize("after", ["abc", "1-2-3", "-", "1-x", " 1-1", "$", "+", "(1-1"])
def test_what_is_no_cursor_is_refused_at_once(after: str) -> None:
    """Redis would answer with an error of its own, or with something else than was meant."""
    with pytest.raises(StreamError, match="cursor"):
        LogFollower("job", after)


QUEUED = ("5-0", '{"v":1,"type":"queued","attempt":0,"at":1.0,"position":1,"eta_seconds":null}')


class Slow(World):
    """A job that waits: nothing is written before the test says so, and the place is as the test says."""

    def __init__(self, *places: tuple[int | None, float | None]) -> None:
        super().__init__([QUEUED, *_log(0)], Random(1), 1)
        self.places = list(places)
        self.steps: list[Any] = []

    def answer(self, step: Any) -> Any:
        self.steps.append(step)
        return None if isinstance(step, Receive) else super().answer(step)

    def _grow(self) -> None:
        """Once there is no other place to tell, the job ends, and the channel loses it."""
        if not self.places:
            self.written = len(self.log)

    def snapshot(self) -> Snapshot:
        state = "queued" if self.places else "cancelled"
        return Snapshot(state, *(self.places.pop(0) if self.places else (None, None)), 9.5)


@given(st.integers(0, 40), st.integers())
def test_places_come_between_the_events_of_the_log(deltas: int, seed: int) -> None:
    """The log comes whole, whatever the network does; what the reader made says so, and stands behind `queued`."""
    log = [QUEUED, *_log(deltas)]
    chance = Random(seed)

    found = _run(LogFollower("job").events, World(log, chance, chance.randint(1, len(log))))

    assert [(event.cursor, event.payload) for event in found if not event.fresh] == log
    made = [event for event in found if event.fresh]
    assert found[1 : 1 + len(made)] == made
    assert {(event.type, event.cursor) for event in made} <= {("queued", QUEUED[0])}
    places = [(event.position, event.eta_seconds) for event in found if isinstance(event, Queued)]
    assert all(place != following for place, following in pairwise(places))


def test_a_place_is_told_when_it_has_changed() -> None:
    """Also when only the estimate has; not while it is the same; not once a slot is given."""
    places = [(1, None), (1, None), (1, 4.0), (0, 4.0), (0, 4.0), (0, 0.25), (None, None)]

    told = _run(LogFollower("job").events, Slow(*places))

    assert [(event.position, event.eta_seconds) for event in told if isinstance(event, Queued)] == [
        (1, None),
        (1, 4.0),
        (0, 4.0),
        (0, 0.25),
    ]
    assert [event.fresh for event in told] == [False, True, True, True, False]
    assert told[1].payload == (
        '{"v":1,"type":"queued","attempt":0,"at":9.5,"fresh":true,"position":1,"eta_seconds":4.0}'
    )


def test_a_reader_that_waits_costs_one_command_a_second() -> None:
    """While the job is queued: a second of silence, one poll, and nothing else."""
    world = Slow(*((0, float(number)) for number in range(40)))
    _run(LogFollower("job").events, world)

    first = world.steps.index(Receive(POLL_SECONDS))
    assert world.steps[first : first + 80] == [Receive(POLL_SECONDS), PollStatus()] * 40
    assert POLL_SECONDS >= 1


def test_who_comes_back_to_a_job_that_waits_learns_its_place() -> None:
    """Attached behind the `queued` event, the first look is told, with the same cursor."""
    told = _run(LogFollower("job", QUEUED[0]).events, Slow((1, None)))

    assert [(event.type, event.fresh, event.cursor) for event in told] == [
        ("queued", True, QUEUED[0]),
        ("cancelled", False, "9-0"),
    ]


def test_the_log_alone_is_read_on_demand() -> None:
    """With `fresh=False` nobody looks, and what comes is the log."""
    world = Slow()

    told = _run(LogFollower("job", fresh=False).events, world)

    assert [(event.cursor, event.payload) for event in told] == world.log
    assert PollStatus() not in world.steps


def test_a_look_at_a_job_that_is_gone_ends_the_reading() -> None:
    """The record has expired while the reader waited."""

    class Gone(Slow):
        def answer(self, step: Any) -> Any:
            return (
                None
                if isinstance(step, PollStatus)
                else False
                if isinstance(step, CheckRecord)
                else super().answer(step)
            )

    with pytest.raises(CursorExpired):
        _run(LogFollower("job").events, Gone((1, None)))

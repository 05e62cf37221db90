"""Reading a log without a gap or a duplicate: the generator of steps, with hypothesis as the network."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import CursorExpired, JobNotFound, StreamError
from llamaq.store.log_follower import (
    CHECK_MASTER_SECONDS,
    CHECK_SECONDS,
    PAGE,
    RESUBSCRIBED,
    CheckRecord,
    LogEntry,
    LogFollower,
    ReadLastEntry,
    Receive,
    SubscriptionLost,
)
from llamaq.vocabulary import events
from llamaq.vocabulary.events import Piece
from tests.unit.store.log_world import END, STEPS, World, delta_entry, follow, log_of


@given(st.integers(0, 40), st.integers())
def test_whatever_the_network_does_the_events_are_exactly_the_log(deltas: int, seed: int) -> None:
    """Entries lost, doubled, late, connections cut, at any moment, from any cursor: no gap, no duplicate, in order."""
    log = log_of(deltas)
    chance = Random(seed)
    start = chance.randint(0, len(log))
    world = World(log, chance, chance.randint(start, len(log)))
    following = LogFollower("job", log[start - 1][0] if start else None)

    found = follow(following, world)

    assert [(event.cursor, event.payload) for event in found] == log[start:]
    assert following.ended


@given(st.integers(0, 40), st.integers())
def test_pieces_that_are_taken_are_those_that_are_not_given(deltas: int, seed: int) -> None:
    """Some are taken, some are refused, some fail: taken and given together they are the log, in order."""
    chance, found = Random(seed), list[tuple[str, str]]()

    def take_piece(piece: Piece) -> bool:
        if chance.random() < 0.2:
            raise ValueError("the line cannot be made")
        taken = chance.random() < 0.6
        if taken:
            found.append((piece.cursor, piece.payload))
        return taken

    log = log_of(deltas)
    world = World(log, chance, chance.randint(0, len(log)))
    following = LogFollower("job", parse=events.parse_piece, take_piece=take_piece)
    follow(following, world, lambda event: found.append((event.cursor, event.payload)))

    assert found == log


@given(st.integers(0, 40), st.integers())
def test_the_machine_may_be_started_anew_at_any_moment(deltas: int, seed: int) -> None:
    """The driver gives up a generator when its connection breaks; the next goes on where that one was."""
    log = log_of(deltas)
    chance = Random(seed)
    world = World(log, chance, 1)
    following = LogFollower("job")
    found: list[Any] = []
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
    log = log_of(deltas)
    chance = Random(seed)
    world = World(log, chance, chance.randint(1, len(log)))

    (event,) = follow(LogFollower("job"), world, ends_only=True)

    assert (event.cursor, event.payload) == log[-1]


def test_a_long_log_is_read_in_pages() -> None:
    """More entries than a page holds come without a gap."""
    log = log_of(2 * PAGE)
    world = World(log, Random(1), len(log))

    assert [event.cursor for event in follow(LogFollower("job"), world)] == [cursor for cursor, _ in log]


@pytest.mark.parametrize("after", ["9-0", "9-1"])
def test_who_attaches_behind_the_end_gets_nothing_and_does_not_wait(after: str) -> None:
    """A browser that connects again with the cursor of the terminal event is done at once."""
    log = log_of(0) if after == "9-0" else log_of(1)
    world = World(log, Random(1), len(log))

    assert follow(LogFollower("job", after), world) == []


class GoesBack(World):
    """A log of which a failover loses what was written last; then it goes on, by another server's clock."""

    def __init__(self, kept: int, goes_on: list[LogEntry], *, told: bool) -> None:
        log = log_of(6)[:5]
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
        (3, [("12-0", delta_entry(3)), ("12-1", END)]),
        (4, [("10-1", delta_entry(9)), ("12-1", END)]),  # the very cursor, given to another event
    ],
)
def test_a_log_that_went_back_is_told(kept: int, goes_on: list[LogEntry], told: bool) -> None:
    """What comes then does not continue what was given, so the reader has to begin again."""
    with pytest.raises(CursorExpired, match="has lost the event at 10-1"):
        follow(LogFollower("job"), GoesBack(kept, goes_on, told=told))


def test_a_log_that_lost_nothing_which_was_given_goes_on() -> None:
    """Only what the reader has seen matters to it."""
    world = GoesBack(5, [("10-2", END)], told=True)

    found = follow(LogFollower("job"), world)

    assert [(event.cursor, event.payload) for event in found] == world.after


def test_a_cursor_of_an_event_that_was_lost_is_refused() -> None:
    """Nothing would ever come behind a cursor that is ahead of the log, as with a master whose clock is behind."""
    log = log_of(1)
    with pytest.raises(CursorExpired, match="has lost the event at 99-0"):
        follow(LogFollower("job", "99-0"), World(log, Random(1), len(log)))


class Empty(World):
    """A Redis that knows nothing of the job."""

    def __init__(self) -> None:
        super().__init__([], Random(1), 0)

    def answer(self, step: Any) -> Any:
        return False if isinstance(step, CheckRecord) else []


def test_a_job_that_is_not_there_is_told_from_a_log_that_is_gone() -> None:
    """Without a cursor the id is wrong; with one, there was a log once."""
    with pytest.raises(JobNotFound):
        follow(LogFollower("job"), Empty())
    with pytest.raises(JobNotFound):
        follow(LogFollower("job"), Empty(), ends_only=True)
    with pytest.raises(CursorExpired, match=r"is no longer kept: .* it was deleted, or Redis has lost it"):
        follow(LogFollower("job", "9-0"), Empty())


class TakenBack(World):
    """An end that a server told which was replaced then; the log goes on without it."""

    def __init__(self, *, deleted: bool = False) -> None:
        super().__init__([*log_of(2)[:2], ("12-0", delta_entry(2)), ("12-1", END)], Random(1), 2)
        self.told = [log_of(2)[-1]]
        self.deleted = deleted

    def answer(self, step: Any) -> Any:
        if isinstance(step, Receive):
            if self.told:
                return self.told.pop()
            self.written = len(self.log)
            return RESUBSCRIBED
        if isinstance(step, ReadLastEntry) and self.told:
            return [self.told.pop()]
        if isinstance(step, CheckRecord):
            return not self.deleted
        return super().answer(step)

    def _grow(self) -> None:
        """Only when the other end has been told."""


def test_an_end_that_the_master_does_not_have_is_not_given() -> None:
    """The reader goes on with the log as it is; one that asks for no proof is given the end."""
    world = TakenBack()

    found = follow(LogFollower("job", confirmed=True), world)
    (end,) = follow(LogFollower("job", confirmed=True), TakenBack(), ends_only=True)

    assert [(event.cursor, event.payload) for event in found] == world.log
    assert end.cursor == "12-1"
    assert [event.cursor for event in follow(LogFollower("job"), TakenBack())][-1] == "9-2"


def test_the_end_of_a_job_that_has_been_deleted_is_given() -> None:
    """Its log is no longer there, so nobody can confirm it."""
    found = follow(LogFollower("job", confirmed=True), TakenBack(deleted=True))

    assert [(event.cursor, event.payload) for event in found] == log_of(2)


@pytest.mark.parametrize("after", ["abc", "1-2-3", "-", "1-x", " 1-1", "$", "+", "(1-1"])
def test_what_is_no_cursor_is_refused_at_once(after: str) -> None:
    """Redis would answer with an error of its own, or with something else than was meant."""
    with pytest.raises(StreamError, match="cursor"):
        LogFollower("job", after)


@pytest.mark.parametrize(("confirmed", "seconds"), [(False, CHECK_SECONDS), (True, CHECK_MASTER_SECONDS)])
@pytest.mark.parametrize("way", ["events", "end"])
def test_a_silence_ends_sooner_where_the_master_may_have_frozen(way: str, confirmed: bool, seconds: float) -> None:
    """Both ways of reading."""
    steps, world = getattr(LogFollower("job", confirmed=confirmed), way)(), World(log_of(2)[:2], Random(1), 2)
    step = next(steps)
    while not isinstance(step, Receive):
        step = steps.send(world.answer(step) if isinstance(step, STEPS) else None)

    assert step.seconds == seconds

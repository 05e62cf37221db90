"""Reading a log without a gap or a duplicate: the machine, with hypothesis as the network."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import CursorExpired, Event, JobNotFound, StreamError
from llamaq.following import PAGE, RESUBSCRIBED, Exists, Following, Listen, Read, ReadLast

Entry = tuple[str, str]


def _delta(number: int) -> str:
    return f'{{"v":1,"type":"delta","attempt":1,"at":1.0,"text":"{number}"}}'


END = '{"v":1,"type":"cancelled","attempt":1,"at":2.0,"reason":"x"}'


def _log(deltas: int) -> list[Entry]:
    """A whole log; several entries share a millisecond, and cursors grow in digits."""
    cursors = [f"{9 + number // 3}-{number % 3}" for number in range(deltas + 1)]
    return [*((cursor, _delta(number)) for number, cursor in enumerate(cursors[:-1])), (cursors[-1], END)]


def _order(cursor: str) -> tuple[int, int]:
    milliseconds, sequence = cursor.split("-")
    return int(milliseconds), int(sequence)


class World:
    """A log that grows while it is read, and a channel that loses, doubles and delays."""

    def __init__(self, log: list[Entry], chance: Random, written: int) -> None:
        self.log, self.chance, self.written = log, chance, written
        self.published: list[Entry] = []

    def _grow(self) -> None:
        """Some entries are written, and each is published, doubled, or lost with the connection."""
        for entry in self.log[self.written : self.written + self.chance.randint(0, 3)]:
            self.published += self.chance.choice(([entry], [entry, entry], [RESUBSCRIBED]))
            self.written += 1

    def answer(self, want: Any) -> Any:
        self._grow()
        there = self.log[: self.written]
        match want:
            case Read(cursor):
                return [entry for entry in there if _order(entry[0]) > _order(cursor)][:PAGE]
            case ReadLast():
                return there[-1:]
            case Exists():
                return True
        assert isinstance(want, Listen)
        return self.published.pop(0) if self.published else self.chance.choice((None, RESUBSCRIBED))


def _run(machine: Any, world: World) -> list[Event]:
    found: list[Event] = []
    answer: Any = None
    while True:
        try:
            want = machine.send(answer)
        except StopIteration:
            return found
        if isinstance(want, Read | ReadLast | Exists | Listen):
            answer = world.answer(want)
        else:
            found.append(want)
            answer = None


@given(st.integers(0, 40), st.integers())
def test_whatever_the_network_does_the_events_are_exactly_the_log(deltas: int, seed: int) -> None:
    """Entries lost, doubled, late, connections cut, at any moment, from any cursor: no gap, no duplicate, in order."""
    log = _log(deltas)
    chance = Random(seed)
    start = chance.randint(0, len(log))
    world = World(log, chance, chance.randint(start, len(log)))
    following = Following("job", log[start - 1][0] if start else None)

    found = _run(following.events(), world)

    assert [(event.cursor, event.payload) for event in found] == log[start:]
    assert following.ended


@given(st.integers(0, 40), st.integers())
def test_the_machine_may_be_started_anew_at_any_moment(deltas: int, seed: int) -> None:
    """The driver gives up a generator when its connection breaks; the next goes on where that one was."""
    log = _log(deltas)
    chance = Random(seed)
    world = World(log, chance, 1)
    following = Following("job")
    found: list[Event] = []
    while not following.ended:
        machine, answer = following.events(), None
        for _ in range(chance.randint(1, 9)):
            try:
                want = machine.send(answer)
            except StopIteration:
                break
            if isinstance(want, Read | ReadLast | Exists | Listen):
                answer = world.answer(want)
            else:
                found.append(want)
                answer = None

    assert [(event.cursor, event.payload) for event in found] == log


@given(st.integers(0, 40), st.integers())
def test_the_end_is_the_terminal_event_alone(deltas: int, seed: int) -> None:
    """`result()` sees one event, whatever was lost on the way."""
    log = _log(deltas)
    chance = Random(seed)
    world = World(log, chance, chance.randint(1, len(log)))

    (event,) = _run(Following("job").end(), world)

    assert (event.cursor, event.payload) == log[-1]


def test_a_long_log_is_read_in_pages() -> None:
    """More entries than a page holds come without a gap."""
    log = _log(2 * PAGE)
    world = World(log, Random(1), len(log))

    assert [event.cursor for event in _run(Following("job").events(), world)] == [cursor for cursor, _ in log]


@pytest.mark.parametrize("after", ["9-0", "9-1", "99-0"])
def test_who_attaches_behind_the_end_gets_nothing_and_does_not_wait(after: str) -> None:
    """A browser that connects again with the cursor of the terminal event is done at once."""
    log = _log(0) if after == "9-0" else _log(1)
    world = World(log, Random(1), len(log))

    assert _run(Following("job", after).events(), world) == []


class Empty(World):
    """A Redis that knows nothing of the job."""

    def __init__(self) -> None:
        super().__init__([], Random(1), 0)

    def answer(self, want: Any) -> Any:
        return False if isinstance(want, Exists) else []


def test_a_job_that_is_not_there_is_told_from_a_log_that_is_gone() -> None:
    """Without a cursor the id is wrong; with one, there was a log once."""
    with pytest.raises(JobNotFound):
        _run(Following("job").events(), Empty())
    with pytest.raises(JobNotFound):
        _run(Following("job").end(), Empty())
    with pytest.raises(CursorExpired, match="LLAMAQ_RESULT_TTL"):
        _run(Following("job", "9-0").events(), Empty())


@pytest.mark.parametrize("after", ["abc", "1-2-3", "-", "1-x", " 1-1", "$", "+", "(1-1"])
def test_what_is_no_cursor_is_refused_at_once(after: str) -> None:
    """Redis would answer with an error of its own, or with something else than was meant."""
    with pytest.raises(StreamError, match="cursor"):
        Following("job", after)

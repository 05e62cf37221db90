"""Following a job that waits: its position comes between the events of the log, as it changes."""

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import CursorExpired
from llamaq.store.log_follower import (
    POLL_SECONDS,
    CheckRecord,
    LogFollower,
    PollStatus,
    Receive,
)
from llamaq.vocabulary.events import Queued
from llamaq.vocabulary.status import Snapshot
from tests.unit.store.log_world import QUEUED, World, follow, log_of


class Slow(World):
    """A job that waits: nothing is written before the test says so, and the place is as the test says."""

    def __init__(self, *places: tuple[int | None, float | None]) -> None:
        super().__init__([QUEUED, *log_of(0)], Random(1), 1)
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
    log = [QUEUED, *log_of(deltas)]
    chance = Random(seed)

    found = follow(LogFollower("job"), World(log, chance, chance.randint(1, len(log))))

    assert [(event.cursor, event.payload) for event in found if not event.fresh] == log
    made = [event for event in found if event.fresh]
    assert found[1 : 1 + len(made)] == made
    assert {(event.type, event.cursor) for event in made} <= {("queued", QUEUED[0])}
    places = [(event.position, event.eta_seconds) for event in found if isinstance(event, Queued)]
    assert all(place != following for place, following in pairwise(places))


def test_a_place_is_told_when_it_has_changed() -> None:
    """Also when only the estimate has; not while it is the same; not once a slot is given."""
    places = [(1, None), (1, None), (1, 4.0), (0, 4.0), (0, 4.0), (0, 0.25), (None, None)]

    told = follow(LogFollower("job"), Slow(*places))

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
    follow(LogFollower("job"), world)

    first = world.steps.index(Receive(POLL_SECONDS))
    assert world.steps[first : first + 80] == [Receive(POLL_SECONDS), PollStatus()] * 40
    assert POLL_SECONDS >= 1


def test_who_comes_back_to_a_job_that_waits_learns_its_place() -> None:
    """Attached behind the `queued` event, the first look is told, with the same cursor."""
    told = follow(LogFollower("job", QUEUED[0]), Slow((1, None)))

    assert [(event.type, event.fresh, event.cursor) for event in told] == [
        ("queued", True, QUEUED[0]),
        ("cancelled", False, "9-0"),
    ]


def test_the_log_alone_is_read_on_demand() -> None:
    """With `fresh=False` nobody looks, and what comes is the log."""
    world = Slow()

    told = follow(LogFollower("job", fresh=False), world)

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
        follow(LogFollower("job"), Gone((1, None)))

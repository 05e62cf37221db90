"""A log, and a Redis and a network as hypothesis chooses them, for tests of `LogFollower`."""

from collections.abc import Callable
from random import Random
from typing import Any

from llamaq import Event
from llamaq.store.log_follower import (
    PAGE,
    RESUBSCRIBED,
    CheckRecord,
    LogEntry,
    LogFollower,
    PollStatus,
    ReadConfirmed,
    ReadEntry,
    ReadLastEntry,
    ReadLog,
    Receive,
    SubscriptionLost,
)
from llamaq.vocabulary.status import Snapshot

STEPS = ReadLog | ReadEntry | ReadConfirmed | ReadLastEntry | CheckRecord | Receive | PollStatus


def delta_entry(number: int) -> str:
    return f'{{"v":1,"type":"delta","attempt":1,"at":1.0,"text":"{number}"}}'


QUEUED = ("5-0", '{"v":1,"type":"queued","attempt":0,"at":1.0,"position":1,"eta_seconds":null}')
END = '{"v":1,"type":"cancelled","attempt":1,"at":2.0,"reason":"x"}'


def log_of(deltas: int) -> list[LogEntry]:
    """A whole log; several entries share a millisecond, and cursors grow in digits."""
    cursors = [f"{9 + number // 3}-{number % 3}" for number in range(deltas + 1)]
    return [*((cursor, delta_entry(number)) for number, cursor in enumerate(cursors[:-1])), (cursors[-1], END)]


def order_of(cursor: str) -> tuple[int, int]:
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
                return [entry for entry in there if order_of(entry[0]) > order_of(cursor)][:PAGE]
            case ReadEntry(cursor) | ReadConfirmed(cursor):
                return [entry for entry in there if entry[0] == cursor]
            case ReadLastEntry():
                return there[-1:]
            case CheckRecord():
                return True
            case PollStatus():
                return self.snapshot()
        assert isinstance(step, Receive)
        while step.take and self.published and step.take(self.published[0]):
            self.published.pop(0)
            self._grow()
        return self.published.pop(0) if self.published else self.chance.choice((None, RESUBSCRIBED))

    def snapshot(self) -> Snapshot:
        """The state is the last one written; the place moves as it likes, and is none once a slot is given."""
        state = "queued" if '"queued"' in self.log[self.written - 1][1] else "running"
        return Snapshot(state, self.chance.choice((None, 0, 1)), self.chance.choice((None, 2.5)), 9.0)


def follow(
    follower: LogFollower, world: World, give: Callable[[Any], object] = lambda _: None, *, ends_only: bool = False
) -> list[Event]:
    """As the driver does: it begins anew where the subscription is lost. Each event is given, too, as it comes."""
    begin: Callable[[], Any] = follower.end if ends_only else follower.events
    found: list[Any] = []
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
            while (
                not ends_only
                and isinstance(step, Receive)
                and answer
                and world.chance.random() < 0.8
                and (event := follower.read_live(answer))
            ):
                found.append(event)
                give(event)
                answer = world.answer(step)
        else:
            found.append(step)
            give(step)
            answer = None

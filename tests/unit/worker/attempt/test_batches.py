"""What one thread reads in one round is written together, by that thread where it can."""

import threading
from typing import Any

import pytest
import redis

from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from llamaq.store.clock import SYSTEM, Clock
from tests.unit.worker.writing import NEVER, Later, Writing, begin, deltas, run_supervised, wait_until
from worker.attempt import event_writer
from worker.attempt.event_writer import LONGEST_PAUSE_SECONDS, EventWriter
from worker.attempt.flush_window import MOST_JOBS, PAUSE_SECONDS


class Watched:
    """A client that notes which thread calls it, and does what a test wants before."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.threads: list[threading.Thread] = []
        self.before: Any = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def execute_all(self, commands: Any) -> Any:
        self._called()
        return self._client.execute_all(commands)

    def send(self, commands: Any, connection: Any = None) -> Any:
        self._called()
        return self._client.send(commands, connection)

    def _called(self) -> None:
        self.threads.append(threading.current_thread())
        self.before()


class Resting(Clock):
    """A clock that notes how long it sleeps."""

    def __init__(self) -> None:
        self.rests: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)


def test_a_batch_is_one_call_of_the_thread_that_ends_it(
    fleet: Fleet, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other thread has to be woken; the first pieces of two answers go together."""
    monkeypatch.setattr(event_writer, "IDLE_SECONDS", NEVER)  # else the duty may wake in the middle of the batch
    client = Watched(fleet.redis)
    writer = writing(lease_seconds=NEVER, client=client)
    (job, _, one), (other_job, _, other) = begin(fleet, writer), begin(fleet, writer)

    with writer:
        one.delta("a")
        other.delta("b")
        one.delta("c")

    assert deltas(fleet, job) == ["ac"]
    assert deltas(fleet, other_job) == ["b"]
    assert set(client.threads) == {threading.current_thread()}
    one.close()
    other.close()


def test_a_write_of_another_thread_does_not_wake_the_duty(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look for what is due, find nothing, and keep Python's lock from the attempts meanwhile."""
    writer = EventWriter(fleet.redis, fleet.keys, SYSTEM, NEVER, LEASE_SECONDS)
    job, _, buffer = begin(fleet, writer)
    waits: list[float] = []
    monkeypatch.setattr(writer._wake_condition, "wait", waits.append)
    while not waits:
        writer.run_round()
    monkeypatch.setattr(writer._wake_condition, "notify", lambda: pytest.fail("the duty is woken"))
    writer._wakes_at = SYSTEM.monotonic() + NEVER  # the duty's thread sleeps

    with writer:
        buffer.delta("a")

    assert deltas(fleet, job) == ["a"]
    buffer.close()


def test_what_comes_while_another_thread_writes_goes_with_its_next_call(fleet: Fleet, writing: Writing) -> None:
    """The end of the batch does not wait for the call under way."""
    client, called, answer = Watched(fleet.redis), threading.Event(), threading.Event()
    writer = writing(flush_seconds=0.001, lease_seconds=NEVER, client=client)
    (_, _, one), (other_job, _, other) = begin(fleet, writer), begin(fleet, writer)

    def before() -> None:
        called.set()
        answer.wait(60)

    client.before = before
    one.delta("a")  # no batch: the duty's own thread writes it
    assert called.wait(60)
    with writer:
        other.delta("b")
    assert deltas(fleet, other_job) == []
    answer.set()

    wait_until(lambda: deltas(fleet, other_job) == ["b"])
    one.close()
    other.close()
    assert threading.current_thread() not in client.threads


def test_the_thread_that_writes_sleeps_before_it_reads_the_reply(fleet: Fleet, writing: Writing) -> None:
    """Of a transaction: more pieces arrive meanwhile, and the thread is not woken for the reply."""
    clock = Resting()
    writer = writing(flush_seconds=0.001, lease_seconds=NEVER, most_flush_seconds=NEVER, clock=clock)
    job, _, buffer = begin(fleet, writer)
    with writer:
        buffer.delta("a")
    wait_until(lambda: deltas(fleet, job) == ["a"])
    assert clock.rests == []
    with writer:
        buffer.delta("b")

    wait_until(lambda: clock.rests == [PAUSE_SECONDS])
    assert deltas(fleet, job) == ["a", "b"]
    buffer.close()


def test_what_is_not_due_is_written_by_the_duty(fleet: Fleet, writing: Writing) -> None:
    """In a crowded fleet the window is longer than the round of a reader, which may pause only briefly."""
    fleet.redis.zadd(fleet.keys.leases(), {f"{number} elsewhere": 2**40 for number in range(MOST_JOBS)})
    clock = Later()
    writer = writing(flush_seconds=0.001, lease_seconds=NEVER, most_flush_seconds=60, clock=clock)
    job, _, buffer = begin(fleet, writer)
    with writer:
        buffer.delta("a")
    with writer:
        buffer.delta("b")

    assert deltas(fleet, job) == ["a"]
    assert 0 < writer.pause_seconds() <= LONGEST_PAUSE_SECONDS
    clock.seconds = 120
    wait_until(lambda: deltas(fleet, job) == ["a", "b"])
    buffer.close()


def test_after_a_refused_call_the_thread_that_reads_makes_none(fleet: Fleet, writing: Writing) -> None:
    """It would wait for a Redis that is away; the duty tries again, and it alone."""
    client = Watched(fleet.redis)
    away = threading.Event()
    away.set()

    def before() -> None:
        if away.is_set():
            raise redis.ConnectionError("away")

    client.before = before
    writer = writing(flush_seconds=0.001, lease_seconds=NEVER, client=client)
    job, _, buffer = begin(fleet, writer)
    with writer:
        buffer.delta("a")
    called = client.threads.count(threading.current_thread())
    with writer:
        buffer.delta("b")
    assert client.threads.count(threading.current_thread()) == called > 0
    away.clear()

    wait_until(lambda: "".join(deltas(fleet, job)) == "ab")
    buffer.close()


def test_an_unexpected_failure_is_the_dutys_and_not_the_readers(fleet: Fleet) -> None:
    """The reader would end the answers of hosts that are well. The duty reports it, and writes the events again."""
    client, left = Watched(fleet.redis), [1]

    def before() -> None:
        if left:
            raise ZeroDivisionError(left.pop())

    client.before = before
    writer = EventWriter(client, fleet.keys, SYSTEM, NEVER, LEASE_SECONDS)
    with run_supervised(writer) as failed:
        job, _, buffer = begin(fleet, writer)
        with writer:
            buffer.delta("a")
        wait_until(lambda: deltas(fleet, job) == ["a"])
        wait_until(lambda: failed == ["event-writer"])
        buffer.close()

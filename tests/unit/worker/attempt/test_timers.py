"""Timers: calls that are made later, unless they are cancelled."""

import threading
from collections.abc import Iterator

import pytest

from llamaq.store.clock import SYSTEM
from tests.unit.worker.writing import Later, run_supervised
from worker.attempt.timers import IDLE_SECONDS, LEAST_SWEPT, Timers


@pytest.fixture
def timers() -> Iterator[Timers]:
    """Timers that run."""
    duty = Timers(SYSTEM)
    with run_supervised(duty):
        yield duty


def test_timers_go_off_in_the_order_of_their_times() -> None:
    """Whatever the order in which they were set."""
    clock, heard = Later(), list[str]()
    timers = Timers(clock)
    for name, seconds in (("c", 2000), ("a", 0), ("b", 1000)):
        timers.call_later(seconds, lambda name=name: heard.append(name))  # type: ignore[misc]  # a default binds the name
    clock.seconds = 3000

    for _ in range(3):
        timers.run_round()

    assert heard == ["a", "b", "c"]


def test_a_timer_that_is_cancelled_is_silent() -> None:
    """Also when it was set first, and cancelling it twice, or after it went off, does no harm."""
    clock, heard = Later(), list[str]()
    timers = Timers(clock)
    timer = timers.call_later(1000, lambda: heard.append("x"))
    last = timers.call_later(2000, lambda: heard.append("last"))
    timer.cancel()
    timer.cancel()
    clock.seconds = 3000

    timers.run_round()

    last.cancel()
    assert heard == ["last"]


def test_a_nearer_timer_is_not_kept_waiting_by_a_farther_one(timers: Timers) -> None:
    """The thread sleeps for the next one, whichever was set last."""
    done = threading.Event()
    timers.call_later(3600, lambda: None)
    timers.call_later(0, done.set)

    assert done.wait(60)


def test_a_timer_for_later_wakes_no_thread(timers: Timers, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt begins with timers, and would wait for the thread that it wakes. Only an earlier one than all does."""
    done = threading.Event()
    timers.call_later(0.01, done.set)
    assert done.wait(60)

    with monkeypatch.context() as without:
        without.setattr(timers._changed, "notify", lambda: pytest.fail("the thread is woken"))
        for seconds in (900, 1.5, 60):
            timers.call_later(seconds, lambda: None)


def test_nobody_wakes_for_a_timer_that_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt cancels two. The thread would need Python's lock for each, while attempts run."""
    timers = Timers(SYSTEM)
    waits: list[float] = []
    monkeypatch.setattr(timers._changed, "wait", waits.append)
    for seconds in (0, 0.1, 0.2):
        timers.call_later(seconds, lambda: None).cancel()

    timers.run_round()

    assert waits == [pytest.approx(IDLE_SECONDS)]


def test_stopping_forgets_what_was_set() -> None:
    """No call is made after the end."""
    timers = Timers(SYSTEM)
    heard: list[str] = []
    with run_supervised(timers):
        timers.call_later(3600, lambda: heard.append("x"))

    assert heard == []


def test_cancelled_timers_do_not_stay_until_they_would_be_due() -> None:
    """An attempt that ends leaves nothing behind, though its deadline is far away; the others are still called."""
    timers = Timers(SYSTEM)
    called: list[str] = []
    timers.call_later(0, lambda: called.append("kept"))

    for _ in range(10_000):
        timers.call_later(900, lambda: called.append("cancelled")).cancel()

    assert len(timers._due) < 2 * LEAST_SWEPT  # what memory holds shows nowhere else
    timers.run_round()
    assert called == ["kept"]

"""The watch: things that are done later, unless they are called off."""

import threading

from llamaq.store.clock import SYSTEM
from worker.attempt.timers import Timers


def test_alarms_go_off_in_the_order_of_their_times() -> None:
    """Whatever the order in which they were set."""
    watch = Timers(SYSTEM)
    heard: list[str] = []
    done = threading.Event()
    watch.after(0.09, done.set)
    for name, seconds in (("c", 0.06), ("a", 0.0), ("b", 0.03)):
        watch.after(seconds, lambda name=name: heard.append(name))  # type: ignore[misc]  # a default binds the name

    assert done.wait(60)

    watch.close()
    assert heard == ["a", "b", "c"]


def test_an_alarm_that_is_called_off_is_silent() -> None:
    """Also when it was set first, and calling it off twice, or after it went off, does no harm."""
    watch = Timers(SYSTEM)
    heard: list[str] = []
    done = threading.Event()
    alarm = watch.after(0.02, lambda: heard.append("x"))
    last = watch.after(0.04, done.set)
    alarm.cancel()
    alarm.cancel()

    assert done.wait(60)

    last.cancel()
    watch.close()
    assert heard == []


def test_a_nearer_alarm_is_not_kept_waiting_by_a_farther_one() -> None:
    """The watch sleeps for the next one, whichever was set last."""
    watch = Timers(SYSTEM)
    done = threading.Event()
    watch.after(3600, lambda: None)
    watch.after(0, done.set)

    assert done.wait(60)
    watch.close()


def test_closing_forgets_what_was_set() -> None:
    """Nothing goes off after the end."""
    watch = Timers(SYSTEM)
    heard: list[str] = []
    watch.after(3600, lambda: heard.append("x"))

    watch.close()

    assert heard == []

"""The supervisor: what a duty may rely on, whatever happens in it and when it is stopped."""

import threading
from collections.abc import Callable
from typing import ClassVar

import pytest
import redis
from structlog.testing import capture_logs

from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import BrokerUnavailable
from tests.unit.worker.writing import run_supervised, wait_until
from worker.duties.duty import Duty, Phase
from worker.duties.health import Health
from worker.duties.supervisor import REFUSED, Supervisor


class Plain(Duty):
    """Rounds that do what a test says, without a pause."""

    name: ClassVar[str] = "plain"
    retry_seconds = 0.001
    longest_retry_seconds = 0.002

    def __init__(self, act: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self.rounds = 0
        self.finished = threading.Event()
        self._act = act

    def run_round(self) -> float:
        self.rounds += 1
        self._act(self.rounds)
        return 0.001

    def finish(self) -> None:
        self.finished.set()


class Later(Plain):
    """One that serves attempts."""

    name = "later"
    stops_at: ClassVar[Phase] = "drain"


def test_an_unknown_exception_is_logged_counted_and_outlived() -> None:
    """However often it comes; each time with its traceback."""

    def act(number: int) -> None:
        if number <= 50:
            raise type(f"Odd{number}", (Exception,), {})("odd")

    duty = Plain(act)
    with capture_logs() as logs, run_supervised(duty) as failed:
        wait_until(lambda: duty.rounds > 51)

    assert failed == ["plain"] * 50
    assert [line["exc_info"] is not None for line in logs if line["log_level"] == "error"] == [True] * 50


def test_what_is_no_exception_ends_no_duty_either() -> None:
    """A library may raise SystemExit, which ends a thread without a word."""
    duty = Plain(lambda number: _raise(type("Odd", (SystemExit,), {})()) if number == 1 else None)
    with run_supervised(duty) as failed:
        wait_until(lambda: duty.rounds > 2)

    assert failed == ["plain"]


def test_pauses_grow_to_a_limit_and_begin_anew_after_a_good_round() -> None:
    """A duty that fails for ever does not fill the log."""
    duty = Plain(lambda number: _raise(NotImplementedError()) if number != 4 else None)
    with capture_logs() as logs, run_supervised(duty):
        wait_until(lambda: duty.rounds > 5)

    assert [line["again_in_seconds"] for line in logs][:5] == [0.001, 0.002, 0.002, 0.001, 0.002]


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (redis.ConnectionError("refused"), False),
        (redis.TimeoutError("late"), False),
        (ConnectionResetError("cut"), False),
        (BrokerUnavailable("away"), False),
        (redis.ResponseError("NOPERM"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_outage_of_redis_is_one_warning(error: Exception, counted: bool) -> None:
    """Rounds without end: one line, no traceback. What Redis refuses is counted, since no outage explains it."""
    duty = Plain(lambda number: _raise(error) if number <= 20 else None)
    with capture_logs() as logs, run_supervised(duty) as failed:
        wait_until(lambda: duty.rounds > 21)

    assert [(line["log_level"], line["event"]) for line in logs] == [("warning", Duty.when_redis_fails)]
    assert failed == (["plain"] * 20 if counted else [])


def test_each_duty_stops_at_its_phase_and_finishes() -> None:
    """What serves attempts goes on until the drain is over; what is in hand is finished by the duty's own thread."""
    first, second = Plain(), Later()
    supervisor = Supervisor([second, first], SYSTEM, Health(SYSTEM), lambda _: None)
    supervisor.start()

    supervisor.stop("quiet")
    assert first.finished.wait(60)
    rounds = second.rounds
    wait_until(lambda: second.rounds > rounds)
    assert not second.finished.is_set()

    supervisor.stop("drain")
    supervisor.close()
    assert second.finished.is_set()
    assert [thread.name for thread in threading.enumerate() if thread.name in {"llamaq-plain", "llamaq-later"}] == []


def test_a_duty_that_cannot_finish_ends_all_the_same() -> None:
    """The failure is counted, and close waits for nothing."""
    duty = Plain()
    duty.finish = lambda: _raise(ArithmeticError())  # type: ignore[method-assign]  # breaks it on purpose
    with run_supervised(duty) as failed:
        wait_until(lambda: duty.rounds)

    assert failed == ["plain"]


def test_a_wait_ends_when_it_is_woken_or_stopped() -> None:
    """A pause of an hour holds up neither news nor the end of the worker."""

    class Slow(Plain):
        def run_round(self) -> float:
            return super().run_round() + 3600

    duty = Slow()
    with run_supervised(duty):
        wait_until(lambda: duty.rounds == 1)
        duty.wake()
        wait_until(lambda: duty.rounds == 2)

    assert duty.finished.is_set()


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        redis.exceptions.NoPermissionError("this user has no permissions to run the 'lpush' command"),
        redis.AuthenticationError("WRONGPASS invalid username-password pair or user is disabled."),
        redis.ResponseError("The user executing the script can't run this command or subcommand script: x"),
        redis.ResponseError("WRONGTYPE Operation against a key"),
    ],
    ids=lambda error: str(error)[:9],
)
def test_a_refusal_of_redis_is_told_as_such(error: Exception) -> None:
    """It is logged as a refusal, and counted: to wait for Redis would mend nothing."""

    def act(number: int) -> None:
        if number <= 3:
            raise error

    duty = Plain(act)
    with capture_logs() as logs, run_supervised(duty) as failed:
        wait_until(lambda: duty.rounds > 4)

    assert failed == ["plain"] * 3
    assert [(line["log_level"], line["event"]) for line in logs] == [("warning", REFUSED.format("plain"))]

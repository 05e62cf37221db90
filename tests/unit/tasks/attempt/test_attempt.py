"""An attempt, and everyone who may end it."""

import threading

import pytest

from tasks.attempt.stoppable import Attempt, AttemptStopped


class Call:
    """A call to Ollama that counts how often it was cut."""

    def __init__(self) -> None:
        self.cuts = 0

    def abort(self) -> None:
        self.cuts += 1


def test_a_stop_before_the_call_keeps_it_from_beginning() -> None:
    """Between the claim and the request to Ollama, or between two requests of an extraction."""
    attempt = Attempt("a")
    attempt.stop("cancelled")
    call = Call()

    with pytest.raises(AttemptStopped, match="cancelled"), attempt.track_call(call):
        raise AssertionError("it began")

    assert call.cuts == 0


def test_a_stop_during_the_call_cuts_it() -> None:
    """From any thread, and each time it is said."""
    attempt, call = Attempt("a"), Call()
    with attempt.track_call(call):
        stopping = threading.Thread(target=attempt.stop, args=("deadline",))
        stopping.start()
        stopping.join(60)
        attempt.stop("draining")

    assert call.cuts == 2


def test_a_stop_after_the_call_touches_nothing() -> None:
    """The call has ended and its connection serves another job by now."""
    attempt, call = Attempt("a"), Call()
    with attempt.track_call(call):
        pass
    attempt.stop("cancelled")

    assert call.cuts == 0
    assert attempt.stopped == "cancelled"


def test_the_first_reason_stays() -> None:
    """A job whose deadline ran out is not drained as well."""
    attempt = Attempt("a")
    attempt.stop("deadline")
    attempt.stop("cancelled")

    assert attempt.stopped == "deadline"


def test_a_call_that_fails_is_let_go() -> None:
    """Also then a later stop does not reach it."""
    attempt, call = Attempt("a"), Call()
    with pytest.raises(OSError, match="cut"), attempt.track_call(call):
        raise OSError("cut")
    attempt.stop("cancelled")

    assert call.cuts == 0

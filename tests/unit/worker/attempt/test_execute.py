"""From whatever happens in an attempt to its outcome, and what the store is told of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from api_client import HostUnreachable, OllamaError
from embedded.scripted.fleet import request_json
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry, Stopped
from tasks import registry
from tasks.attempt.stoppable import Attempt, StopReason
from tests.unit.tasks.ollama import Ollama, claimed, context
from worker.attempt import execute

JOB = claimed("generate", request_json())
DONE = Completed({})


def outcome(monkeypatch: pytest.MonkeyPatch, act: Callable[[Attempt], Outcome]) -> Outcome:
    """What an attempt comes to whose kind does this."""
    attempt = Attempt(JOB.id)
    monkeypatch.setitem(registry.TASKS, "generate", lambda *_: act(attempt))

    @contextmanager
    def provide(*_: Any) -> Iterator[Any]:
        yield context(Ollama([]))

    given: Callable[[ClaimedJob, Attempt], AbstractContextManager[Any]] = provide
    return execute.run(JOB, attempt, given)


def _stopped(reason: StopReason, error: Exception | None = None) -> Callable[[Attempt], Outcome]:
    def act(attempt: Attempt) -> Outcome:
        attempt.stop(reason)
        if error is not None:
            raise error
        return DONE

    return act


def test_an_attempt_whose_events_were_lost_does_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers would get less text than the result has; whether the kind noticed or not."""
    for error in (None, OllamaError("cut")):
        found = outcome(monkeypatch, _stopped("unwritable", error))

        assert isinstance(found, Retry)
        assert (found.error.code, found.counts) == ("internal", "always")


@pytest.mark.parametrize("reason", ["cancelled", "fenced", "draining"])
def test_a_stop_from_outside_is_told_by_its_reason(monkeypatch: pytest.MonkeyPatch, reason: StopReason) -> None:
    """The call that was cut may look like a failure of the host."""
    assert outcome(monkeypatch, _stopped(reason, HostUnreachable("cut"))) == Stopped(reason)
    assert outcome(monkeypatch, _stopped(reason)) == DONE  # it was quicker


def test_the_deadline_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the clock that ran out."""
    found = outcome(monkeypatch, _stopped("deadline", OllamaError("cut")))

    assert isinstance(found, Failed)
    assert (found.error.code, found.error.details) == ("timed_out", {"clock": "deadline"})


def test_an_exception_of_no_known_type_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is tried again; the producer learns the class, and the log has the rest."""

    def act(_: Attempt) -> Outcome:
        raise type("NeverSeen", (Exception,), {})("a secret")

    found = outcome(monkeypatch, act)

    assert isinstance(found, Retry)
    assert found.error.as_json() == {
        "code": "internal",
        "message": "NeverSeen in the worker; see its log",
        "retryable": True,
    }

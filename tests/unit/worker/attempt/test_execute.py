"""From whatever happens in an attempt to its outcome, and what the store is told of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from api_client import HostUnreachable, NoSuchPath, OllamaError, StreamError
from embedded.scripted.fleet import make_request_json
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry, Stopped
from tasks import registry
from tasks.attempt.stoppable import Attempt, StopReason
from tests.unit.tasks.ollama import Ollama, claimed, context
from worker.attempt import execute

JOB = claimed("generate", make_request_json())
COMMON = {"model": "m:latest", "host": "alpha", "attempts": 1}
DONE = Completed({"text": "x", **COMMON})


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


@pytest.mark.parametrize("error", [NoSuchPath("m"), StreamError("m")])
@pytest.mark.parametrize("pieces", [0, 1])
def test_a_failure_in_the_middle_of_an_answer_does_not_speak_against_the_model(
    monkeypatch: pytest.MonkeyPatch, error: OllamaError, pieces: int
) -> None:
    """The host works with it then; and some such failures come of what a job asks."""

    def act(attempt: Attempt) -> Outcome:
        attempt.pieces = pieces
        raise error

    found = outcome(monkeypatch, act)

    assert isinstance(found, Failed | Retry)
    assert bool(found.blame) == (pieces == 0)


def test_a_request_of_a_newer_producer_is_tried_on_another_worker() -> None:
    """An older worker does not know a field that was added: no fault of the producer's, and it says what to do."""
    newer = claimed("generate", '{"model": "m", "prompt": "x", "added_later": 1}')

    @contextmanager
    def provide(job: ClaimedJob, _: Attempt) -> Iterator[Any]:
        assert job.request
        yield

    found = execute.run(newer, Attempt(newer.id), provide)

    assert isinstance(found, Retry)
    assert (found.error.code, found.blame, found.counts) == ("internal", "", "always")
    assert "update the workers: added_later: " in found.error.message


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "found",
    [
        {"text": 5},
        {"text": "x", "done_reason": 5},
        {"message": "hello"},
        {"message": {"role": "assistant", "content": "", "tool_calls": ["f"]}},
        {"embeddings": [["a"]]},
        {"embeddings": [[float("inf")]]},
        {"value": _nested(199)},
        {"value": {"a": float("nan")}},
        {"text": "x", "usage": {"prompt_tokens": "7"}, "timings": {"load": "soon"}},
        {},
    ],
)
def test_a_result_that_readers_refuse_is_a_failure_of_the_host(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]
) -> None:
    """A job that is `completed` can always be read: what cannot be is an `ollama_error`, and tried again."""
    failed = outcome(monkeypatch, lambda _: Completed({**COMMON, **found}))

    assert isinstance(failed, Retry)
    assert (failed.error.code, failed.error.retryable, failed.blame) == ("ollama_error", True, "")
    assert "cannot be read back" in failed.error.message


def test_a_turn_that_is_not_json_ends_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found before the job's end is written, which must not raise."""
    failed = outcome(monkeypatch, lambda _: Completed(DONE.result, ({"content": float("nan")},)))

    assert isinstance(failed, Retry)
    assert failed.error.code == "ollama_error"


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

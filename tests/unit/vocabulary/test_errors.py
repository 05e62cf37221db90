"""Errors: who has to act, and what to do, is in the type and in the message."""

import pytest

from llamaq.vocabulary import errors
from llamaq.vocabulary.errors import InvalidRequest, JobFailed, Problem, QueueFull, StreamRestarted, UnknownModel
from llamaq.vocabulary.results import ErrorInfo

TREE = {
    "SubmitError": ["BrokerUnavailable", "QueueFull", "InvalidRequest", "UnknownModel"],
    "JobError": ["JobNotFound", "JobFailed", "JobCancelled", "JobExpired"],
    "StreamError": ["CursorExpired", "StreamRestarted"],
}


@pytest.mark.parametrize(("parent", "child"), [(parent, child) for parent, found in TREE.items() for child in found])
def test_the_tree_is_the_contracts(parent: str, child: str) -> None:
    """`except SubmitError` catches what kept a job out, and nothing else; the drawing in the module shows the same."""
    assert issubclass(getattr(errors, child), getattr(errors, parent))
    assert issubclass(getattr(errors, parent), errors.LlamaqError)
    drawn = (errors.__doc__ or "").split(parent)[1].split("\n")
    lines = [line for line in drawn if child in line]
    assert lines
    assert lines[0].index(child) > 4


def test_an_invalid_request_names_each_problem() -> None:
    """In the message, and one by one."""
    error = InvalidRequest([Problem("a.b", "is wrong"), Problem("", "needs more")])

    assert str(error) == "a.b: is wrong; needs more"
    assert [problem.field for problem in error.problems] == ["a.b", ""]


def test_an_unknown_model_says_what_to_do() -> None:
    """A near name where there is one, else the command that brings the model."""
    assert str(UnknownModel("lama:latest", ["llama:latest"])).endswith("did you mean llama:latest?")
    assert str(UnknownModel("x:latest")).endswith("ollama pull x:latest")


def test_data_is_on_the_error() -> None:
    """Nobody has to read a message by machine."""
    assert QueueFull("full", 2.5).retry_after == 2.5
    restarted = StreamRestarted(2, "5-1")
    assert (restarted.attempt, restarted.cursor) == (2, "5-1")
    failed = JobFailed("id", ErrorInfo(code="timed_out", message="m", clock="deadline"))
    assert (failed.job_id, failed.code, failed.error.clock, str(failed)) == (
        "id",
        "timed_out",
        "deadline",
        "timed_out: m",
    )

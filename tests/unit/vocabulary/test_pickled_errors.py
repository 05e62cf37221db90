"""Errors reach other processes whole: a pool, or Celery, pickles what a function raises."""

import copy
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from llamaq.vocabulary import errors
from llamaq.vocabulary.errors import LlamaqError
from llamaq.vocabulary.results import ErrorInfo

FAILED = ErrorInfo(code="timed_out", message="too slow", clock="deadline")
MADE: list[LlamaqError] = [
    errors.BrokerUnavailable("no answer"),
    errors.QueueFull("full", 3.5),
    errors.InvalidRequest.of("model", "wrong", "unsupported"),
    errors.IdempotencyConflict("4fb1"),
    errors.UnknownModel("m", ["n"]),
    errors.ConversationBusy("talk", "4fb1"),
    errors.VersionMismatch("older"),
    errors.ConversationNotFound("talk"),
    errors.ConversationExists("talk"),
    errors.JobNotFound("4fb1"),
    errors.JobFailed("4fb1", FAILED),
    errors.JobCancelled("4fb1", "enough"),
    errors.JobExpired("4fb1", "late"),
    errors.CursorExpired("gone"),
    errors.StreamRestarted(2, "1-0"),
]


def _kinds(of: type[LlamaqError]) -> Iterator[type[LlamaqError]]:
    yield of
    for each in of.__subclasses__():
        yield from _kinds(each)


def test_each_error_is_tried() -> None:
    """The others are bases, which nothing raises."""
    bases = {errors.LlamaqError, errors.SubmitError, errors.JobError, errors.ConversationError, errors.StreamError}
    ours = {kind for kind in _kinds(LlamaqError) if kind.__module__ == errors.__name__}
    assert {type(error) for error in MADE} | bases == ours


@pytest.mark.parametrize("error", MADE, ids=[type(error).__name__ for error in MADE])
def test_an_error_is_the_same_after_a_pickle(error: LlamaqError) -> None:
    """Its type, its message and its attributes; a copy too."""
    error.add_note("of the application")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def _failing(job_id: str) -> None:
    raise errors.JobFailed(job_id, FAILED)


def test_a_pool_of_processes_raises_it() -> None:
    """An error that cannot be unpickled would break the pool, and all of its work with it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        with pytest.raises(errors.JobFailed, match="too slow") as caught:
            pool.submit(_failing, "4fb1").result(60)
        assert (caught.value.job_id, caught.value.error) == ("4fb1", FAILED)
        assert pool.submit(len, "on").result(60) == 2

"""The jobs that came with the end of another one: each begins, or is requeued, and counts as running until then."""

from collections.abc import Callable

import pytest

from tests.unit.worker.celery.test_task_request import job
from worker.attempt.direct_jobs import DirectJobs
from worker.attempt.running_attempts import RunningAttempts


@pytest.fixture
def running() -> RunningAttempts:
    """Those of the worker."""
    return RunningAttempts()


@pytest.fixture
def requeued() -> list[str]:
    """The jobs that were requeued."""
    return []


@pytest.fixture
def over() -> set[str]:
    """The jobs that run no longer, as Redis says."""
    return set()


@pytest.fixture
def direct(running: RunningAttempts, requeued: list[str], over: set[str]) -> DirectJobs:
    """The jobs."""
    return DirectJobs(running, lambda job: requeued.append(job.id), lambda job: job.id in over)


def starting(direct: DirectJobs, start: Callable[[str, str], None]) -> None:
    """Begin a job whose task is started so."""
    direct.start = start
    direct.begin(job())


def test_none_is_wanted_without_a_consumer(direct: DirectJobs) -> None:
    """Nor once the worker stops."""
    wanted = [direct.wanted]
    direct.start = lambda *_: None
    wanted.append(direct.wanted)
    direct.close()
    assert [*wanted, direct.wanted] == [False, True, False]


def test_a_job_runs_from_its_claim_on(direct: DirectJobs, running: RunningAttempts, requeued: list[str]) -> None:
    """So that a drain waits for it, and a cancel finds it; its task gets it once."""
    seen = []
    starting(direct, lambda kind, job_id: seen.append((kind, job_id, running.job_ids())))
    assert seen == [("generate", "the-id", ["the-id"])]

    running.cancel("the-id")
    taken = direct.take("the-id")
    assert taken is not None
    assert (taken.job, taken.attempt.stopped) == (job(), "cancelled")
    assert direct.take("the-id") is None
    with taken.registered:
        assert len(running) == 1
    assert len(running) == 0
    assert requeued == []


@pytest.mark.parametrize(("is_over", "stopped"), [(True, "cancelled"), (False, None)])
def test_a_cancel_may_come_before_the_worker_knows_the_job(
    direct: DirectJobs, running: RunningAttempts, over: set[str], is_over: bool, stopped: str | None
) -> None:
    """Redis has claimed it with the end of another one, and the cancel is faster than the answer: it ends at once.

    The id of a job that was deleted may be used again. The cancel of the earlier job ends no later one.
    """
    running.cancel("the-id")
    over |= {"the-id"} if is_over else set()

    starting(direct, lambda *_: None)

    taken = direct.take("the-id")
    assert taken is not None
    assert taken.attempt.stopped == stopped


def test_a_job_whose_task_does_not_start_is_requeued(
    direct: DirectJobs, running: RunningAttempts, requeued: list[str]
) -> None:
    """As when the pool is closing: its message does not come."""

    def refuse(*_: str) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    starting(direct, refuse)
    assert requeued == ["the-id"]
    assert len(running) == 0
    assert direct.take("the-id") is None


def test_a_job_that_comes_while_the_worker_stops_ends_at_once(direct: DirectJobs) -> None:
    """Its attempt does not begin, and the job is requeued."""
    direct.close()
    starting(direct, lambda *_: None)
    taken = direct.take("the-id")
    assert taken is not None
    assert taken.attempt.stopped == "draining"

"""A host that fails is left alone, its jobs go elsewhere or wait, and none fails for it."""

import time
from collections.abc import Callable, Iterator

import pytest

from embedded.redis import EmbeddedRedis
from llamaq import JobFailed
from llamaq.vocabulary.events import Started
from tests.changed_worker import SOON
from tests.faults.lateness import Lateness
from tests.fleet.pair import Pair, pair, starts
from tests.service import fresh_name, list_retry_codes, read_until, wait_until

ELSEWHERE_SECONDS = 5.0
BACK_SECONDS = 2.0
FEW = 3
NOISE_SECONDS = 1.5
"""What a busy machine may add to a promise, beside the time for which this process stood still."""


@pytest.fixture(scope="module")
def shared_alone(redis_server: EmbeddedRedis) -> Iterator[Pair]:
    """Use `alone`, which keeps tests apart."""
    with pair(redis_server.url, "x", SOON) as found:
        yield found


@pytest.fixture
def both(redis_server: EmbeddedRedis) -> Iterator[Pair]:
    """Hosts x (a, b) and y (b, c)."""
    with pair(redis_server.url) as found:
        yield found


@pytest.fixture
def alone(shared_alone: Pair) -> Iterator[Pair]:
    """Host x (a, b) alone."""
    yield shared_alone
    shared_alone.tidy()


def test_the_jobs_of_a_dead_host_run_elsewhere(both: Pair, record_property: Callable[[str, object], None]) -> None:
    """What ran on x, and what comes for it, starts on y within 5 s; x's circuit is open, and says why."""
    gate = fresh_name()
    both.x.script(hold=gate, hold_after=1, model="b:latest", times=None)
    both.y.script(hold=gate, hold_after=1, model="b:latest", times=2)
    jobs = [both.queue.generate("b", f"job {number}") for number in range(4)]
    for job in jobs:
        read_until(job, Started)

    with Lateness() as late:
        both.x.kill()
        died_at = time.time()
        both.y.release(gate)
        jobs += [both.queue.generate("b", "late") for _ in range(4)]

        results = [job.result(30) for job in jobs]
    last = max(starts(job)[-1].at.timestamp() for job in jobs)
    record_property("from the death of a host to the last start elsewhere", round(last - died_at, 2))
    assert last - died_at < ELSEWHERE_SECONDS + NOISE_SECONDS + late.seconds
    assert {result.host for result in results} == {"y"}
    both.wait_circuit("x", "open")
    assert "x" not in {model.host for model in both.queue.models() if model.circuit == "closed"}
    assert "cannot reach" in (both.status("x").last_error or "")
    assert both.status("y").circuit == "closed"


def test_the_jobs_of_the_only_host_wait_for_it(alone: Pair, record_property: Callable[[str, object], None]) -> None:
    """They start within 2 s of its return, however often it was knocked at in vain, and however few tries they have."""
    alone.x.kill()
    jobs = [alone.queue.generate("a", f"job {number}") for number in range(4)]
    alone.wait_circuit("x", "open")
    jobs.append(alone.queue.generate("a", "late"))
    time.sleep(3)  # long enough for pauses that grow to have grown

    with Lateness() as late:
        alone.x.restart()
        back_at = time.time()
        for job in jobs:
            job.result(30)

    waited = []
    for job in jobs:
        waited.append(starts(job)[-1].at.timestamp() - back_at)
        assert {*list_retry_codes(list(job.events()))} <= {"ollama_unavailable"}
    record_property("from the return of a host to the last start of its waiting jobs", round(max(waited), 2))
    assert max(waited) < BACK_SECONDS + NOISE_SECONDS + late.seconds
    alone.wait_circuit("x", "closed")


def test_a_host_that_nobody_wanted_is_found_when_it_is(alone: Pair) -> None:
    """While no job waits the knocks grow rare; the first job that comes makes the worker knock at once."""
    alone.x.kill()
    alone.wait_circuit("x", "open")
    time.sleep(4)
    alone.x.restart()

    with Lateness() as late:
        job = alone.queue.generate("a", "Why?")
        job.result(30)

    status = job.status()
    assert status.started_at is not None
    assert (status.started_at - status.submitted_at).total_seconds() < BACK_SECONDS + NOISE_SECONDS + late.seconds


def test_a_model_that_a_host_refuses_is_served_by_the_other(both: Pair) -> None:
    """Host x answers its probes, and 503 to jobs of b: after a few none is assigned there; each goes to y."""
    both.x.script(status=503, body={"error": "server busy"}, model="b:latest", times=None)
    both.y.script(first_token_seconds=0.3, times=None)

    jobs = [both.queue.generate("b", f"job {number}") for number in range(12)]

    wait_until(lambda: both.model_circuit("x", "b:latest") == "open")
    assert both.status("x").circuit == "closed"
    assert both.queue.generate("a", "another model").result(30).host == "x"
    assert {job.result(30).host for job in jobs} == {"y"}
    assert max(len(starts(job)) for job in jobs) <= FEW, "a job must not come back to x again and again"


def test_one_job_that_is_always_refused_holds_up_nobody(alone: Pair) -> None:
    """The host answers 503 to prompts with X: other jobs of the model complete, and X ends with its own cause."""
    alone.x.script(status=503, body={"error": "server busy with X"}, contains="X", times=None)
    bad = alone.queue.generate("a", "X")
    wait_until(lambda: bad.status().attempt >= FEW)

    good = [alone.queue.generate("a", "good") for _ in range(3)]

    assert [job.result(30).attempts for job in good] == [1, 1, 1]
    assert alone.model_circuit("x", "a:latest") == alone.status("x").circuit == "closed"
    with pytest.raises(JobFailed) as caught:
        bad.result(60)
    error = caught.value.error
    assert (error.code, error.status) == ("ollama_unavailable", 503)
    assert "server busy with X" in error.message


def test_a_refused_job_ends_at_its_deadline_with_its_cause(alone: Pair) -> None:
    """While nobody else shows that the host is well, a refusal is no try; the deadline counts all of them together."""
    alone.x.script(status=429, body={"error": "quota used up"}, model="a:latest", times=None)
    job = alone.queue.generate("a", "Why?", deadline=4)

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    error = caught.value.error
    assert (error.code, error.status, error.message) == ("ollama_unavailable", 429, "quota used up")


def test_a_quota_of_one_model_holds_up_that_model_alone(both: Pair) -> None:
    """429 with a Retry-After: nobody asks for the model before that time; jobs of the other run at once."""
    both.x.script(status=429, body={"error": "quota"}, headers={"Retry-After": "3600"}, model="a:latest", times=None)
    waiting = [both.queue.generate("a", "cloud") for _ in range(4)]
    both.wait_rest("x", "a:latest")
    asked = both.count_requests("x", "a:latest")

    local = [both.queue.generate("b", "local") for _ in range(6)]

    assert [job.result(30).attempts for job in local] == [1] * 6
    assert both.count_requests("x", "a:latest") == asked
    assert {job.status().state for job in waiting} <= {"queued", "retrying"}


def test_one_job_tries_then_all_run(alone: Pair) -> None:
    """A half-open circuit lets one job through, however long that takes; when it is well, all that fits."""
    gate = fresh_name()
    alone.x.script(status=503, body={"error": "server busy"}, times=None)
    jobs = [alone.queue.generate("a", f"job {number}") for number in range(4)]
    alone.wait_rest("x", "a:latest")
    alone.x.script(hold=gate, hold_after=0, tokens=["one", "two"], times=1)
    alone.x.wait(lambda stats: stats["held"].get(gate, 0) == 1)
    alone.x.clear()
    trial = alone.count_requests("x")
    time.sleep(1)

    assert alone.model_circuit("x", "a:latest") == "half_open"
    assert (alone.count_requests("x"), alone.status("x").slots_used) == (trial, 1)
    alone.x.release(gate)
    for job in jobs:
        job.result(30)
    wait_until(lambda: alone.model_circuit("x", "a:latest") == "closed")


def test_the_first_words_of_the_trial_are_enough(alone: Pair) -> None:
    """While the trial's answer goes on, the others run already."""
    words = fresh_name()
    alone.x.script(status=503, body={"error": "server busy"}, times=None)
    jobs = [alone.queue.generate("a", f"job {number}") for number in range(4)]
    alone.wait_rest("x", "a:latest")
    alone.x.script(hold=words, hold_after=1, tokens=["one", "two"], times=1)
    alone.x.wait(lambda stats: stats["held"].get(words, 0) == 1)
    alone.x.clear()

    wait_until(lambda: sum(job.status().state == "completed" for job in jobs) == 3)
    alone.x.release(words)
    for job in jobs:
        job.result(30)


def test_a_jobs_own_fault_opens_nothing(alone: Pair) -> None:
    """Requests that are wrong, and one job that cuts its connection each time, leave the host in use for the others."""
    alone.x.script(status=400, body={"error": "no"}, contains="wrong", times=None)
    alone.x.script(fault="cut", fault_after=0, contains="poison", times=None)

    poison = alone.queue.generate("a", "poison")
    wrong = [alone.queue.generate("a", "wrong") for _ in range(8)]
    good = [alone.queue.generate("a", "good") for _ in range(8)]

    for job in good:
        assert job.result(30).attempts == 1
    for job in [poison, *wrong]:
        with pytest.raises(JobFailed):
            job.result(30)
    assert alone.status("x").circuit == "closed"

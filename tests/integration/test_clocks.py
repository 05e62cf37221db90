"""The four clocks: each ends a job in its own way, and the slot is free afterwards."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from llamaq import Job, JobExpired, JobFailed
from llamaq.vocabulary.events import Delta, Expired, Progress, Started
from tests.conftest import MODEL, Measure
from tests.service import Service, kinds, last_text, read_until, wait_until

AssertTimedOut = Callable[[Job[Any], str], None]
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.fixture
def assert_timed_out(measure: Measure) -> AssertTimedOut:
    """Checks that a job failed with `timed_out`, names the clock, was tried once, and ended once."""

    def check(job: Job[Any], clock: str) -> None:
        with pytest.raises(JobFailed) as caught:
            job.result(30)
        assert (caught.value.code, caught.value.error.clock) == ("timed_out", clock)
        events, status = list(job.events()), job.status()
        assert [event.type for event in events if event.terminal] == [events[-1].type] == ["failed"]
        assert status.attempt == 1
        measure(f"from the start to the end by {clock}", _seconds(status.started_at, status.finished_at))

    return check


def _seconds(since: datetime | None, until: datetime | None) -> float:
    assert since
    assert until
    return (until - since).total_seconds()


def assert_both_slots_work(service: Service) -> None:
    """Two jobs run at the same time."""
    gate = service.hold(times=2)
    jobs = [service.queue.generate(MODEL, "hold") for _ in range(2)]
    service.wait_held(gate, 2)
    service.ollama.release(gate)
    for job in jobs:
        job.result(30)


def test_a_job_that_does_not_start_in_time_expires(service: Service, measure: Measure) -> None:
    """With all slots held past `start_within`, the job ends `expired` and never reaches Ollama."""
    gate = service.hold(times=2)
    holding = [service.queue.generate(MODEL, "hold") for _ in range(2)]
    service.wait_held(gate, 2)

    job = service.queue.generate(MODEL, "late", start_within=0.2)

    with pytest.raises(JobExpired):
        job.result(30)
    events = list(job.events())
    assert kinds(events) == ["queued", "expired"]
    assert isinstance(events[-1], Expired)
    status = job.status()
    assert status.state == "expired"
    measure("from the submit to the end by start_within", _seconds(status.submitted_at, status.finished_at))
    service.ollama.release(gate)
    for one in holding:
        one.result(30)
    assert_both_slots_work(service)
    assert "late" not in [body["prompt"] for body in service.list_requests()]


def test_a_job_that_started_in_time_is_not_expired_while_it_runs(service: Service) -> None:
    """`start_within` is about the start alone: a long answer may outlast it."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job = service.queue.generate(MODEL, "long", start_within=4)
    read_until(job, Started)

    # The round of the reaper that expires a later job has passed over this one too.
    late = service.queue.generate("never-there:latest", "late", start_within=4, wait_for_model=True)
    with pytest.raises(JobExpired):
        late.result(30)
    service.ollama.release(gate)

    assert job.result(30).text == "ab"


def test_no_first_token_in_time(service: Service, assert_timed_out: AssertTimedOut) -> None:
    """Nothing came before `first_token_within`: the job fails, the connection is closed, the slot is free."""
    service.hold()

    job = service.queue.generate(MODEL, "Why?", first_token_within=0.3)

    assert_timed_out(job, "first_token_within")
    service.wait_hung_up()
    assert_both_slots_work(service)


def test_a_silence_in_the_middle(service: Service, assert_timed_out: AssertTimedOut) -> None:
    """A stream that goes quiet for longer than `stall_after` fails; what was said stays in the log."""
    service.hold(tokens=["a", "b"], hold_after=1)

    job = service.queue.generate(MODEL, "Why?", stall_after=1)

    assert_timed_out(job, "stall_after")
    assert last_text(list(job.events())) == "a"
    service.wait_hung_up()
    assert_both_slots_work(service)


def test_a_slow_first_token_is_no_stall(service: Service) -> None:
    """`stall_after` begins with the first byte: a load may take longer than that."""
    service.ollama.script(tokens=["a"], first_token_seconds=1.5)

    assert service.queue.generate(MODEL, "Why?", stall_after=1).result(30).text == "a"


def test_an_answer_without_end(service: Service, assert_timed_out: AssertTimedOut) -> None:
    """Tokens come steadily, and the `deadline` ends the job all the same."""
    service.ollama.script(count=100_000, rate=50)

    job = service.queue.generate(MODEL, "Talk", deadline=3)

    assert_timed_out(job, "deadline")
    assert any(isinstance(event, Delta) for event in job.events())
    service.wait_hung_up()
    assert_both_slots_work(service)


def test_the_deadline_holds_before_the_first_token_too(service: Service, assert_timed_out: AssertTimedOut) -> None:
    """It covers the whole running time, whatever the job waits for."""
    service.hold()

    assert_timed_out(service.queue.generate(MODEL, "Why?", deadline=0.3), "deadline")


def test_the_deadline_counts_earlier_attempts(service: Service) -> None:
    """Time spent in an attempt that broke off is not given again: the second, as long as the first, is cut short."""
    service.ollama.script(tokens=["a"], fault="end", first_token_seconds=2)
    service.ollama.script(tokens=["a"], first_token_seconds=2)
    job = service.queue.generate(MODEL, "Why?", deadline=3.8)

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert caught.value.error.clock == "deadline"
    assert job.status().attempt == 2


def test_an_embedding_has_clocks_too(service: Service, assert_timed_out: AssertTimedOut) -> None:
    """A kind that does not stream times out like the others."""
    service.hold()

    assert_timed_out(service.queue.embed("smollm2-embed:135m", "a", first_token_within=0.3), "first_token_within")


def test_a_reader_is_told_what_the_silence_may_be(service: Service) -> None:
    """With the model in memory Ollama does not tell: it may queue, read, or hold back a tool call."""
    model = "smollm2-tools:135m"
    service.queue.generate(model, "Load it").result(30)
    wait_until(lambda: any(each.model == model and each.loaded for each in service.queue.models()))
    gate = service.hold()

    job = service.queue.chat(model, messages=[{"role": "user", "content": "?"}], tools=[TOOL])
    seen = read_until(job, Progress)

    assert isinstance(seen[-1], Progress)
    assert (seen[-1].stage, seen[-1].model_extra) == ("prompt", {"possible": ["prompt", "queue", "tool_call"]})
    service.ollama.release(gate)
    job.result(30)


def test_a_reader_is_told_why_no_text_comes(service: Service) -> None:
    """After a while without a token there is a `progress` event that names the stage."""
    service.queue.generate(MODEL, "Load it").result(30)
    gate = service.hold()

    job = service.queue.generate(MODEL, "Why?")
    seen = read_until(job, Progress)

    assert isinstance(seen[-1], Progress)
    assert seen[-1].stage in {"loading", "prompt"}
    if seen[-1].stage == "prompt":
        assert seen[-1].model_extra == {"possible": ["prompt", "queue"]}
    service.ollama.release(gate)
    job.result(30)

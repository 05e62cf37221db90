"""Each of the four clocks has its own ending."""

import time

import pytest

from llamaq import JobExpired, JobFailed
from llamaq.vocabulary.events import Expired, Failed
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed, assert_ended_once
from tests.faults.conftest import Measure
from tests.faults.site import Site

LIMIT_SECONDS = 0.8
SILENT_AT = {"first_token_within": 0, "stall_after": 1, "deadline": 0}


@pytest.mark.parametrize("clock", SILENT_AT)
def test_a_running_job(calm: Site, clock: str, measure: Measure) -> None:
    """It fails with `timed_out`, which names the clock; the request is cut, and the slot is free."""
    calm.hold(tokens=["a", "b"], hold_after=SILENT_AT[clock])
    job = calm.queue.submit({"kind": "generate", "model": MODEL, "prompt": "Why?", clock: LIMIT_SECONDS})
    began = time.monotonic()

    with pytest.raises(JobFailed) as caught:
        job.result(60)

    measure(f"{clock} of {LIMIT_SECONDS} s", time.monotonic() - began)
    assert (caught.value.code, caught.value.error.clock) == ("timed_out", clock)
    events = list(job.events())
    assert_ended_once(events)
    assert isinstance(events[-1], Failed)
    calm.wait_hung_up()


def test_a_job_that_did_not_start(calm: Site, measure: Measure) -> None:
    """Past `start_within` it ends `expired`, and is never asked for."""
    gate = calm.hold(times=2)
    holding = [calm.queue.generate(MODEL, "hold") for _ in range(2)]
    calm.wait_held(gate, 2)
    job = calm.queue.generate(MODEL, "late", start_within=LIMIT_SECONDS)
    began = time.monotonic()

    with pytest.raises(JobExpired):
        job.result(60)

    measure(f"start_within of {LIMIT_SECONDS} s", time.monotonic() - began)
    events = list(job.events())
    assert_ended_once(events)
    assert isinstance(events[-1], Expired)
    calm.ollama.release(gate)
    for one in holding:
        assert_completed(one, attempt=1)
    assert "late" not in [body["prompt"] for body in calm.asked()]

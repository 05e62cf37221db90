"""cancel: in every state the job ends at once, and Ollama is told by closing the connection."""

import time
from typing import Any

import pytest

from embedded.scripted.script import ScriptedModel
from llamaq import Job
from llamaq.vocabulary.events import Cancelled, Delta, Retrying
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed, assert_ended_once
from tests.faults.conftest import Measure
from tests.faults.site import Site
from tests.service import fresh_name, read_until


def assert_cancelled(job: Job[Any]) -> None:
    """It is `cancelled`, once and for all."""
    events = list(job.events())
    assert_ended_once(events)
    assert isinstance(events[-1], Cancelled)
    assert job.status().state == "cancelled"


def cancel_at_ollama(site: Site, job: Job[Any], measure: Measure, state: str) -> None:
    """Cancel a job whose request stands at Ollama, and wait until the host sees its connection close."""
    began = time.monotonic()
    assert job.cancel()
    site.wait_hung_up()
    hung_up_at = max(entry["hung_up_at"] or 0.0 for entry in site.ollama.stats()["requests"])
    measure(f"connection closed after a cancel, {state}", hung_up_at - began)
    assert_cancelled(job)


def test_queued(calm: Site) -> None:
    """It never reaches Ollama."""
    gate = calm.hold(times=2)
    holding = [calm.queue.generate(MODEL, "hold") for _ in range(2)]
    calm.wait_held(gate, 2)
    job = calm.queue.generate(MODEL, "never")

    assert job.cancel()

    assert_cancelled(job)
    calm.ollama.release(gate)
    for one in holding:
        assert_completed(one, attempt=1)
    assert "never" not in [body["prompt"] for body in calm.asked()]


def test_loading(calm: Site, measure: Measure) -> None:
    """The host gives the load up."""
    name = f"{fresh_name()}:latest"
    calm.ollama.set_model(ScriptedModel(name, load_seconds=600))
    job = calm.queue.generate(name, "Why?", wait_for_model=True)
    calm.wait_asked(1)

    cancel_at_ollama(calm, job, measure, "loading")

    calm.wait(lambda stats: stats["aborted_loads"].get(name) == 1)


@pytest.mark.parametrize(("state", "hold_after"), [("in the prompt", 0), ("decoding", 2)])
def test_at_work(calm: Site, state: str, hold_after: int, measure: Measure) -> None:
    """Before the first token, and in a silence between two."""
    gate = calm.hold(tokens=["a", "b", "c"], hold_after=hold_after)
    job = calm.queue.generate(MODEL, "Why?")
    calm.wait_held(gate)

    cancel_at_ollama(calm, job, measure, state)


def test_speaking(calm: Site, measure: Measure) -> None:
    """While tokens come: nothing stands behind the terminal event."""
    calm.ollama.script(count=100_000, rate=50)
    job = calm.queue.generate(MODEL, "Why?")
    read_until(job, Delta, 2)

    cancel_at_ollama(calm, job, measure, "speaking")


def test_waiting_for_a_retry(site: Site) -> None:
    """The next attempt never begins."""
    site.start_worker()
    site.ollama.script(tokens=["a"], fault="end")
    job = site.queue.generate(MODEL, "Why?")
    read_until(job, Retrying)

    assert job.cancel()

    assert_cancelled(job)
    assert_completed(site.queue.generate(MODEL, "behind"), attempt=1)
    assert [body["prompt"] for body in site.asked()] == ["Why?", "behind"]


def test_completed(calm: Site) -> None:
    """Too late: False, and the result stands."""
    job = calm.queue.generate(MODEL, "Why?")
    assert_completed(job, attempt=1)

    assert job.cancel() is False

    assert_completed(job, attempt=1)

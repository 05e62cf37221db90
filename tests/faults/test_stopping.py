"""A worker is told to stop: short jobs complete, long ones go back, and it ends well."""

import signal
import time

import pytest

from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL, Measure
from tests.faults.assertions import assert_completed
from tests.faults.site import Site, wait_for_start
from tests.service import list_retry_codes, read_until, wait_until


def test_sigterm_with_short_and_long_jobs(site: Site) -> None:
    """Within LLAMAQ_DRAIN_SECONDS the short one completes here; the long one completes elsewhere; exit 0."""
    leaving = site.start_worker(drain_seconds=2)
    short_gate = site.hold(tokens=["short"], contains="short")
    site.hold(tokens=["half ", "an ", "answer"], hold_after=2, contains="long")
    site.ollama.script(tokens=["the ", "whole"], contains="long")
    short, long = (site.queue.generate(MODEL, prompt) for prompt in ("short", "long"))
    read_until(long, Delta)
    site.wait_held(short_gate)
    site.start_worker()

    leaving.signal(signal.SIGTERM)
    wait_until(lambda: site.is_withdrawn(leaving))
    site.ollama.release(short_gate)

    assert_completed(short, attempt=1, text="short")
    assert leaving.wait() == 0
    events = assert_completed(long, attempt=2, text="the whole")
    assert list_retry_codes(events) == ["internal"]
    assert site.find_worker(wait_for_start(long, 2)) is not leaving
    assert site.redis.hget(site.keys.record(long.id), "tries") == "1"


@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGQUIT), (signal.SIGQUIT,)]
)
def test_in_a_hurry(site: Site, signals: tuple[signal.Signals, ...], measure: Measure) -> None:
    """A second SIGTERM, or SIGQUIT, waits for no job: it goes back at once, uncounted, and the worker ends with 0."""
    leaving = site.start_worker(drain_seconds=600)
    site.hold(tokens=["half ", "an ", "answer"], hold_after=2)
    job = site.queue.generate(MODEL, "long")
    read_until(job, Delta)
    for number in signals[:-1]:
        leaving.signal(number)
        wait_until(lambda: site.is_withdrawn(leaving))

    began = time.monotonic()
    leaving.signal(signals[-1])
    wait_until(lambda: job.status().state == "retrying")
    measure(f"given back after {' and '.join(number.name for number in signals)}", time.monotonic() - began)

    assert leaving.wait() == 0
    site.start_worker()
    assert_completed(job, attempt=2, text="Hello from the script.")
    assert site.redis.hget(site.keys.record(job.id), "tries") == "1"

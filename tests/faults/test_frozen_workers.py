"""A worker is frozen, not dead: what it says when it goes on comes too late."""

import signal
import time

from llamaq.vocabulary.events import Cancelled, Delta
from tests.conftest import MODEL, Measure
from tests.faults.assertions import assert_completed, assert_ended_once
from tests.faults.site import LONG_LEASE_SECONDS, Site, wait_for_start
from tests.service import read_until, wait_until


def test_a_worker_frozen_past_its_lease(site: Site) -> None:
    """Its job runs elsewhere; when it goes on, it is refused, and none of its words stand behind the new beginning."""
    site.start_workers(2, lease_seconds=LONG_LEASE_SECONDS)
    early = site.hold(tokens=["one ", "two ", "three ", "four"], hold_after=2)
    late = site.hold(tokens=["the ", "whole"], hold_after=1)
    job = site.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    frozen = site.find_worker(wait_for_start(job))
    frozen.freeze()
    site.expire_leases()
    site.ollama.release(early)

    wait_for_start(job, 2)
    site.wait_held(late)
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: "attempt ended" in frozen.log())
    assert '"stored": "fenced"' in frozen.log()
    site.ollama.release(late)

    assert_completed(job, attempt=2, text="the whole")
    wait_until(lambda: site.slots_held() == 0)


def test_cancelling_a_job_of_a_frozen_worker(site: Site, measure: Measure) -> None:
    """It is `cancelled` when the call returns; its slot comes back with its lease, and late words are refused."""
    frozen, _ = site.start_workers(2, slots=1, lease_seconds=LONG_LEASE_SECONDS)
    gate = site.hold(tokens=["one ", "two"], hold_after=1)
    job = site.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    frozen = site.find_worker(wait_for_start(job))
    frozen.freeze()

    began = time.monotonic()
    assert job.cancel()
    measure("cancelling a job of a frozen worker", time.monotonic() - began)
    assert job.status().state == "cancelled"
    assert isinstance(list(job.events())[-1], Cancelled)

    site.expire_leases()
    assert_completed(site.queue.generate(MODEL, "next"), attempt=1)
    frozen.signal(signal.SIGCONT)
    site.ollama.release(gate)
    wait_until(lambda: "attempt ended" in frozen.log())
    assert_ended_once(list(job.events()))


def test_cancelling_a_job_of_a_dead_worker(site: Site) -> None:
    """It ends at once too, and is not run again by anybody."""
    worker = site.start_worker(slots=1, lease_seconds=LONG_LEASE_SECONDS)
    site.hold(tokens=["one ", "two"], hold_after=1)
    job = site.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    worker.signal(signal.SIGKILL)
    worker.wait()

    assert job.cancel()

    assert isinstance(list(job.events())[-1], Cancelled)
    site.expire_leases()
    site.start_worker(slots=1, lease_seconds=LONG_LEASE_SECONDS)
    assert_completed(site.queue.generate(MODEL, "next"), attempt=1)
    assert_ended_once(list(job.events()))
    assert len(site.list_requests()) == 2

"""A worker is killed: its jobs are taken up by another, and end once."""

import signal
import time

import pytest

from llamaq import JobFailed, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from llamaq.vocabulary.events import Delta, Failed, Started
from tests.conftest import MODEL, Measure
from tests.faults.assertions import assert_completed, assert_ended_once, assert_not_mixed
from tests.faults.site import LEASE_SECONDS, LONG_LEASE_SECONDS, Site, wait_for_start
from tests.service import kinds, list_retry_codes, read_until, wait_until


def test_killed_in_the_middle_while_another_lives(site: Site, measure: Measure) -> None:
    """The worker that speaks gets kill -9: the other takes the job up as attempt 2, whose text alone counts."""
    site.start_workers(2)
    site.hold(tokens=["half ", "an ", "answer"], hold_after=2)
    site.ollama.script(tokens=["the ", "whole"])
    job = site.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    first = wait_for_start(job)

    site.find_worker(first).signal(signal.SIGKILL)
    killed_at = time.time()

    again = wait_for_start(job, 2)
    measure(f"taken up after a kill, lease {LEASE_SECONDS} s", again.at.timestamp() - killed_at)
    events = assert_completed(job, attempt=2, text="the whole")
    assert again.worker != first.worker
    assert kinds(events) == ["queued", "started", "delta", "retrying", "started", "delta", "completed"]
    assert list_retry_codes(events) == ["internal"]
    wait_until(lambda: site.slots_held() == 0)


def test_the_only_worker_killed_then_a_new_one(site: Site, measure: Measure) -> None:
    """With nobody left the job waits; the next worker on the host takes it up."""
    worker = site.start_worker()
    site.hold(tokens=["half ", "an ", "answer"], hold_after=2, contains="Why?")
    site.ollama.script(tokens=["the ", "whole"], contains="Why?")
    job = site.queue.generate(MODEL, "Why?")
    waiting = [site.queue.generate(MODEL, f"waiting {number}") for number in range(3)]
    read_until(job, Delta)
    worker.signal(signal.SIGKILL)
    worker.wait()

    site.start_worker()
    began = time.time()

    measure(f"taken up by a new worker, lease {LEASE_SECONDS} s", wait_for_start(job, 2).at.timestamp() - began)
    assert_completed(job, attempt=2, text="the whole")
    for other in waiting:
        other.result(60)
        assert_ended_once(list(other.events()))


def test_a_message_lost_in_a_killed_worker(site: Site, measure: Measure) -> None:
    """The BRPOP window: Redis hands the message to a frozen worker, which is killed. The job runs all the same."""
    frozen = site.start_worker()
    wait_until(lambda: site.is_listening(frozen))
    frozen.freeze()
    job = site.queue.generate(MODEL, "Why?")
    wait_until(lambda: site.redis.llen(site.keys.host_queue("the-host")) == 0)

    frozen.signal(signal.SIGKILL)
    frozen.wait()
    killed_at = time.time()
    site.start_worker()

    measure("a job whose message was lost assigned again", wait_for_start(job).at.timestamp() - killed_at)
    assert_completed(job, attempt=1)
    assert len(site.list_requests()) == 1


def test_a_job_that_takes_its_worker_with_it_each_time_is_quarantined(site: Site) -> None:
    """After as many lost workers as attempts it ends `attempts_exhausted`; no further worker is risked."""
    site.start_workers(3, lease_seconds=LONG_LEASE_SECONDS)
    gates = [site.hold(tokens=["a", "b"], hold_after=1) for _ in range(2)]
    with JobQueue(site.url, settings=Settings(keys=Keys(site.prefix), max_attempts=2)) as twice:
        job = twice.generate(MODEL, "deadly")
        for attempt, gate in enumerate(gates, 1):
            started = wait_for_start(job, attempt)
            site.wait_held(gate)
            worker = site.find_worker(started)
            worker.signal(signal.SIGKILL)
            worker.wait()
            site.expire_leases()

        with pytest.raises(JobFailed) as caught:
            job.result(60)
        events = list(job.events())

    assert caught.value.code == "attempts_exhausted"
    assert_ended_once(events)
    assert_not_mixed(events)
    assert isinstance(events[-1], Failed)
    assert [event.attempt for event in events if isinstance(event, Started)] == [1, 2]
    assert_completed(site.queue.generate(MODEL, "harmless"), attempt=1)
    assert len(site.list_requests()) == 3

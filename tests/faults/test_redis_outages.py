"""Redis goes away and comes back: nothing accepted is lost, and what was running goes on in the same attempt.

The lengths of the outages come from LLAMAQ_TEST_OUTAGES (seconds, with commas): `LLAMAQ_TEST_OUTAGES=70 pytest
tests/faults/test_redis_outages.py` tries one that is too long for every run.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import ScriptedModel
from llamaq import BrokerUnavailable, Event
from llamaq.vocabulary.events import Completed, Delta
from tests.conftest import MODEL, Measure
from tests.faults.assertions import assert_completed, assert_ended_once, assert_not_mixed
from tests.faults.site import Site, wait_for_start
from tests.service import read_until, wait_until

OUTAGES = [float(seconds) for seconds in os.environ.get("LLAMAQ_TEST_OUTAGES", "1,5").split(",")]
SURE_SECONDS = 30
"""Up to here, jobs that were running complete in their first attempt."""
TOKENS_PER_SECOND = 20
OTHER = "idle:latest"
SHORT_LEASE_SECONDS = 2
LONG = 13
"""Seconds of an answer that goes on through three outages."""


@pytest.fixture
def idle_host() -> Iterator[ScriptedOllama]:
    """A host with a model that no other has."""
    with ScriptedOllama.start(models=[ScriptedModel(OTHER)]) as host:
        yield host


@pytest.mark.timeout(120 + int(2 * max(OUTAGES)))
@pytest.mark.parametrize("how", ["shut_down", "kill"])
@pytest.mark.parametrize("seconds", OUTAGES)
def test_an_outage(own_site: Site, idle_host: ScriptedOllama, how: str, seconds: float, measure: Measure) -> None:
    """Jobs that speak through it, jobs that wait, an idle worker: every job completes, and a reader sees all of it."""
    own_site.start_worker()
    own_site.start_worker(host="idle-host", ollama_url=idle_host.url)
    count = int(TOKENS_PER_SECOND * (seconds + 2))
    own_site.ollama.script(count=count, rate=TOKENS_PER_SECOND, times=2)
    running = [own_site.queue.generate(MODEL, "running") for _ in range(2)]
    for job in running:
        read_until(job, Delta, 3)
    waiting = own_site.queue.submit_many({"kind": "generate", "model": MODEL, "prompt": "waiting"} for _ in range(5))

    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(lambda: list(running[0].events(fresh=False)))
        getattr(own_site.server, how)()
        with pytest.raises(BrokerUnavailable):
            own_site.queue.generate(MODEL, "refused")
        time.sleep(seconds)
        own_site.server.restart()
        back = time.time()
        fresh = own_site.queue.generate(OTHER, "for the idle one", wait_for_model=True)

        measure(f"{how}, {seconds:g} s: an idle worker starts a job", wait_for_start(fresh).at.timestamp() - back)
        for job in running:
            events = assert_completed(job, attempt=1 if seconds <= SURE_SECONDS else job.status().attempt)
            measure(f"{how}, {seconds:g} s: a running job is written again", _find_write_time(events, back) - back)
        assert read.result(60) == list(running[0].events(fresh=False))
    assert_completed(fresh, attempt=1)
    for job in waiting:
        events = list(job.events())
        assert_ended_once(events)
        assert_not_mixed(events)
        assert isinstance(events[-1], Completed)
    wait_until(lambda: own_site.slots_held() == 0)


def test_one_outage_after_another(own_site: Site) -> None:
    """Each is longer than a lease has left, and the second begins while the living still renew: attempt 1 goes on."""
    own_site.start_worker(lease_seconds=SHORT_LEASE_SECONDS)
    own_site.ollama.script(count=LONG * TOKENS_PER_SECOND, rate=TOKENS_PER_SECOND)
    job = own_site.queue.generate(MODEL, "running")
    read_until(job, Delta, 3)

    for seconds in (SHORT_LEASE_SECONDS, SHORT_LEASE_SECONDS + 0.5, SHORT_LEASE_SECONDS + 0.5):
        own_site.server.kill()
        time.sleep(seconds)
        own_site.server.restart()
        last = own_site.log(job.id)[-1][0]
        wait_until(lambda last=last: own_site.log(job.id)[-1][0] != last)  # type: ignore[misc]  # mypy cannot see through the default
        time.sleep(1)  # a round of the reaper

    assert_completed(job, attempt=1, text=" token" * LONG * TOKENS_PER_SECOND)


def _find_write_time(events: list[Event], moment: float) -> float:
    return next(event.at.timestamp() for event in events if event.at.timestamp() >= moment - 0.001)

"""The clocks of the machines differ by minutes: leases go by Redis' clock alone."""

import signal
import sys
import time

from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site, wait_for_start
from tests.service import read_until

LEASE_SECONDS = 2


def test_workers_five_minutes_ahead_and_behind(site: Site) -> None:
    """Jobs longer than two leases keep them, whoever leads; a lease that does lapse is seen, and only that one."""
    for seconds in (300, -300):
        shifted = [sys.executable, "-m", "tests.faults.shifted_worker", str(seconds)]
        site.start_worker(shifted, lease_seconds=LEASE_SECONDS)
    gate = site.hold(tokens=["at ", "last"], hold_after=1, times=None)
    jobs = [site.queue.generate(MODEL, f"job {number}") for number in range(4)]
    for job in jobs[:2]:
        read_until(job, Delta)

    time.sleep(2.5 * LEASE_SECONDS)
    killed = site.find_worker(wait_for_start(jobs[0]))
    killed.signal(signal.SIGKILL)
    lost = [job for job in jobs[:2] if site.find_worker(wait_for_start(job)) is killed]
    for job in lost:
        wait_for_start(job, 2)
    site.ollama.release(gate)

    for job in jobs:
        assert_completed(job, attempt=2 if job in lost else 1, text="at last")

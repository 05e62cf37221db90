"""The clocks of the machines differ by minutes: leases go by Redis' clock alone."""

import os
import signal
import time
from pathlib import Path

import pytest

from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site, started_by
from tests.service import read_until
from tests.worker_process import CHECKOUT

LEASE_SECONDS = 2
SHIFTED = """
import os, time
shift = int(os.environ["SHIFT_SECONDS"])
right, right_ns = time.time, time.time_ns
time.time = lambda: right() + shift
time.time_ns = lambda: right_ns() + shift * 10**9
"""


def shifted_worker(site: Site, tmp_path: Path, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a worker on a machine whose clock is wrong."""
    (tmp_path / "sitecustomize.py").write_text(SHIFTED)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))
    monkeypatch.setenv("SHIFT_SECONDS", str(seconds))
    site.start_worker(lease_seconds=LEASE_SECONDS)


def test_workers_five_minutes_ahead_and_behind(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs longer than three leases keep them, whoever leads; a lease that does lapse is seen, and only that one."""
    for seconds in (300, -300):
        shifted_worker(site, tmp_path, seconds, monkeypatch)
    gate = site.hold(tokens=["at ", "last"], hold_after=1, times=None)
    jobs = [site.queue.generate(MODEL, f"job {number}") for number in range(4)]
    for job in jobs[:2]:
        read_until(job, Delta)

    time.sleep(3 * LEASE_SECONDS)
    killed = site.worker_of(started_by(jobs[0]))
    killed.signal(signal.SIGKILL)
    lost = [job for job in jobs[:2] if site.worker_of(started_by(job)) is killed]
    for job in lost:
        started_by(job, 2)
    site.ollama.release(gate)

    for job in jobs:
        assert_completed(job, attempt=2 if job in lost else 1, text="at last")

"""A worker that runs and no longer consumes: it logs that, and exits to be started again."""

import os
import sys
import time
from pathlib import Path

from tests import forked
from tests.changed_worker import command
from tests.conftest import MODEL, Measure
from tests.faults.assertions import assert_completed
from tests.faults.proxy import WithholdingProxy
from tests.faults.site import Site
from tests.service import wait_until
from worker import liveness_probe
from worker.duties import heartbeat

QUICK = {
    "worker.duties.heartbeat.BEAT_SECONDS": 0.5,
    "worker.duties.heartbeat.MISSED_SECONDS": 4.0,
    "worker.settings.environment.Settings.broker_seconds": 2.0,
}
"""The worker, with times that fit a test."""


def check_alive(file: Path) -> int:
    """Run the command that a supervisor asks: its exit code."""
    environment = {**os.environ, "LLAMAQ_LIVENESS_FILE": str(file)}
    alive = forked.spawn([sys.executable, "-m", "worker", "alive"], output=None, errors=None, environment=environment)
    return alive.wait(60)


def test_a_stuck_worker_exits(own_site: Site, tmp_path: Path, measure: Measure) -> None:
    """Redis answers and sends no messages: the liveness file ages, the worker exits with 1, the next runs the job."""
    file = tmp_path / "alive"
    with WithholdingProxy(own_site.server.port) as proxy:
        stuck = own_site.start_worker(command(QUICK), redis_url=proxy.url, liveness_file=str(file), drain_seconds=1)
        wait_until(file.exists)
        assert check_alive(file) == 0
        assert_completed(own_site.queue.generate(MODEL, "before"), attempt=1)

        proxy.withhold()
        began = time.monotonic()
        job = own_site.queue.generate(MODEL, "withheld")
        last = file.stat().st_mtime
        assert stuck.wait() == 1
        measure("a stuck worker exits, after 4 s without a heartbeat", time.monotonic() - began)

    assert "this worker receives no messages" in stuck.log()
    assert file.stat().st_mtime - last < heartbeat.BEAT_SECONDS
    old = file.stat().st_mtime - liveness_probe.STALE_SECONDS
    os.utime(file, (old, old))
    assert check_alive(file) == 1
    own_site.start_worker()
    assert_completed(job, attempt=1)

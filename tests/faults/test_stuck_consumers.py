"""A worker that runs and no longer consumes: it logs that, and exits to be started again."""

import os
import sys
import time
from pathlib import Path

from tests.commands import run
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.conftest import Measure
from tests.faults.proxy import WithholdingProxy
from tests.faults.site import Site
from tests.service import until
from tests.worker_process import CHECKOUT
from worker import liveness_probe
from worker.duties import heartbeat

QUICK = """
import sys
from worker.duties import heartbeat
heartbeat.BEAT_SECONDS, heartbeat.MISSED_SECONDS = 0.5, 4.0
from worker.app import app
app.conf.broker_transport_options["socket_timeout"] = 2
from worker.__main__ import main
sys.exit(main([]))
"""
"""The worker, with times that fit a test."""


def alive(file: Path) -> int:
    """The exit code of the command that a supervisor asks."""
    environment = {**os.environ, "LLAMAQ_LIVENESS_FILE": str(file)}
    return run([sys.executable, "-m", "worker", "alive"], cwd=CHECKOUT, env=environment).returncode


def test_a_stuck_worker_exits(own_site: Site, tmp_path: Path, measure: Measure) -> None:
    """Redis answers and sends no messages: the liveness file ages, the worker exits with 1, the next runs the job."""
    file = tmp_path / "alive"
    with WithholdingProxy(own_site.server.port) as proxy:
        stuck = own_site.start_worker(
            [sys.executable, "-c", QUICK], redis_url=proxy.url, liveness_file=str(file), drain_seconds=1
        )
        until(file.exists)
        assert alive(file) == 0
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
    assert alive(file) == 1
    own_site.start_worker()
    assert_completed(job, attempt=1)

"""A worker that is there and no longer consumes: it says so, and ends so that another can begin."""

import os
import sys
import time
from pathlib import Path

from tests.commands import run
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.conftest import Measure
from tests.faults.proxy import DeafeningProxy
from tests.faults.site import Site
from tests.service import until
from tests.worker_process import CHECKOUT
from worker import liveness_probe
from worker.duties import heartbeat

QUICK = """
import sys
from worker.duties import heartbeat
heartbeat.BEAT_SECONDS, heartbeat.DEAF_SECONDS = 0.5, 4.0
from worker.app import app
app.conf.broker_transport_options["socket_timeout"] = 2
from worker.__main__ import main
sys.exit(main([]))
"""
"""The worker, with a patience that fits a test."""


def alive(file: Path) -> int:
    """The exit code of the command that a supervisor asks."""
    environment = {**os.environ, "LLAMAQ_LIVENESS_FILE": str(file)}
    return run([sys.executable, "-m", "worker", "alive"], cwd=CHECKOUT, env=environment).returncode


def test_a_deaf_worker_ends_itself(own_site: Site, tmp_path: Path, measure: Measure) -> None:
    """Redis answers, its messages do not come: its liveness file ages, it exits with 1, its successor runs the job."""
    file = tmp_path / "alive"
    with DeafeningProxy(own_site.server.port) as proxy:
        deaf = own_site.start_worker(
            [sys.executable, "-c", QUICK], redis_url=proxy.url, liveness_file=str(file), drain_seconds=1
        )
        until(file.exists)
        assert alive(file) == 0
        assert_completed(own_site.queue.generate(MODEL, "before"), attempt=1)

        proxy.deafen()
        began = time.monotonic()
        job = own_site.queue.generate(MODEL, "unheard")
        last = file.stat().st_mtime
        assert deaf.wait() == 1
        measure("a deaf worker ends, patience 4 s", time.monotonic() - began)

    assert "no longer hears its messages" in deaf.log()
    assert file.stat().st_mtime - last < heartbeat.BEAT_SECONDS
    old = file.stat().st_mtime - liveness_probe.STALE_SECONDS
    os.utime(file, (old, old))
    assert alive(file) == 1
    own_site.start_worker()
    assert_completed(job, attempt=1)

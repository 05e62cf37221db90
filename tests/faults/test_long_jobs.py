"""A job may run for longer than any timeout of the machinery under it."""

import sys
import time

from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site

LEASE_SECONDS = 1.5
VISIBILITY_SECONDS = 1
SHORT_SIGHTED = f"""
import sys
from worker.app import app
app.conf.broker_transport_options["visibility_timeout"] = {VISIBILITY_SECONDS}
from worker.__main__ import main
sys.exit(main([]))
"""


def test_longer_than_the_lease_and_than_celerys_visibility_timeout(site: Site) -> None:
    """One job is silent and one speaks for three leases and more: one run each, by one of two workers."""
    command = [sys.executable, "-c", SHORT_SIGHTED]
    site.start_workers(2, command, lease_seconds=LEASE_SECONDS)
    gate = site.hold(tokens=["at ", "last"], contains="silent")
    site.ollama.script(count=120, rate=20, contains="speaking")
    silent, speaking = (site.queue.generate(MODEL, prompt) for prompt in ("silent", "speaking"))
    site.wait_asked(2)

    time.sleep(3 * LEASE_SECONDS + VISIBILITY_SECONDS)
    site.ollama.release(gate)

    assert_completed(silent, attempt=1, text="at last")
    assert_completed(speaking, attempt=1, text=" token" * 120)
    assert sorted(body["prompt"] for body in site.asked()) == ["silent", "speaking"]

"""A job may run for longer than any timeout of the machinery under it."""

import time

from tests.changed_worker import command
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site

LEASE_SECONDS = 1.5
VISIBILITY_SECONDS = 1


def test_longer_than_the_lease_and_than_celerys_visibility_timeout(site: Site) -> None:
    """One job is silent and one speaks for three leases and more: one run each, by one of two workers."""
    short_sighted = command({"kombu.transport.redis.Channel.visibility_timeout": VISIBILITY_SECONDS})
    site.start_workers(2, short_sighted, lease_seconds=LEASE_SECONDS)
    gate = site.hold(tokens=["at ", "last"], contains="silent")
    site.ollama.script(count=120, rate=20, contains="speaking")
    silent, speaking = (site.queue.generate(MODEL, prompt) for prompt in ("silent", "speaking"))
    site.wait_requests(2)

    time.sleep(3 * LEASE_SECONDS + VISIBILITY_SECONDS)
    site.ollama.release(gate)

    assert_completed(silent, attempt=1, text="at last")
    assert_completed(speaking, attempt=1, text=" token" * 120)
    assert sorted(body["prompt"] for body in site.list_requests()) == ["silent", "speaking"]

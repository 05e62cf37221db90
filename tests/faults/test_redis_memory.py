"""Redis runs out of memory and refuses writes (`noeviction`)."""

import pytest

from llamaq import BrokerUnavailable
from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import Site
from tests.service import read_until, wait_until


def test_out_of_memory(own_site: Site) -> None:
    """`submit` raises an error that names the remedy; what was running ends in its attempt once there is room."""
    worker = own_site.start_worker()
    gate = own_site.hold(tokens=["one ", "two ", "three"], hold_after=1)
    job = own_site.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    own_site.redis.config_set("maxmemory-policy", "noeviction")
    own_site.redis.config_set("maxmemory", "1")

    with pytest.raises(BrokerUnavailable, match=r"out of memory.*LLAMAQ_RESULT_TTL"):
        own_site.queue.generate(MODEL, "refused")
    own_site.ollama.release(gate)
    wait_until(lambda: "events of running jobs are held" in worker.log())
    wait_until(lambda: _has_lapsed(own_site))
    own_site.redis.config_set("maxmemory", "0")

    assert_completed(job, attempt=1, text="one two three")
    assert_completed(own_site.queue.generate(MODEL, "afterwards"), attempt=1)
    assert [body["prompt"] for body in own_site.list_requests()] == ["Why?", "afterwards"]


def _has_lapsed(own_site: Site) -> bool:
    seconds, _ = own_site.redis.time()
    return bool(own_site.redis.zcount(own_site.keys.leases(), "-inf", seconds) == 1)

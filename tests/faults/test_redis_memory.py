"""Redis runs out of memory and refuses writes (`noeviction`)."""

import pytest

from llamaq import BrokerUnavailable
from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL
from tests.faults.site import Site
from tests.faults.whole import assert_completed
from tests.integration.house import read_until, until


def test_out_of_memory(site: Site) -> None:
    """`submit` raises an error that names the remedy; what was running ends in its attempt once there is room."""
    worker = site.start_worker()
    gate = site.hold(tokens=["one ", "two ", "three"], hold_after=1)
    job = site.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    site.redis.config_set("maxmemory-policy", "noeviction")
    site.redis.config_set("maxmemory", "1")

    with pytest.raises(BrokerUnavailable, match=r"out of memory.*LLAMAQ_RESULT_TTL"):
        site.queue.generate(MODEL, "refused")
    site.ollama.release(gate)
    until(lambda: "they are held" in worker.log())
    until(lambda: _lapsed(site))
    site.redis.config_set("maxmemory", "0")

    assert_completed(job, attempt=1, text="one two three")
    assert_completed(site.queue.generate(MODEL, "afterwards"), attempt=1)
    assert [body["prompt"] for body in site.asked()] == ["Why?", "afterwards"]


def _lapsed(site: Site) -> bool:
    seconds, _ = site.redis.time()
    return bool(site.redis.zcount(site.keys.leases(), "-inf", seconds) == 1)

"""A job that finds a free slot while none waits is in no queue for a moment: all is as if it had been."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet
from llamaq.settings.producer import Settings
from tests.unit.store.held import find_differences, read_keys

OTHER = "other:latest"


@pytest.fixture
def queued(fleet: Fleet) -> Iterator[Fleet]:
    """A fleet beside, whose jobs go through their queue: its index of waiting jobs names a model that has none."""
    other = Fleet(fleet.url, f"{fleet.keys.prefix}-queued", tenant_weights={"heavy": 4.0})
    other.redis.sadd(f"{other.keys.prefix}:waiting:batch", "nobody")
    yield other
    other.close()


@pytest.fixture
def direct(fleet: Fleet) -> Fleet:
    """The same without it."""
    fleet.queue.settings = Settings(keys=fleet.keys, tenant_weights={"heavy": 4.0})
    return fleet


def submit_job(fleet: Fleet, **fields: Any) -> None:
    """Submit a job with the id that it has in both fleets."""
    number = fleet.redis.zcard(fleet.keys.jobs())
    fleet.queue.submit({"kind": "generate", "model": MODEL, "prompt": "hi", **fields}, job_id=f"job-{number}")


def plain(fleet: Fleet) -> None:
    """Two that find a slot, and two that wait."""
    fleet.add_host(slots=2, loaded=[MODEL])
    for _ in range(4):
        submit_job(fleet)


def needs_load(fleet: Fleet) -> None:
    """A host without the model in memory; another model is to be unloaded for it, and no slot is left."""
    fleet.add_host(models=[MODEL, OTHER], loaded=[OTHER])
    submit_job(fleet)
    submit_job(fleet, model=OTHER)


def options(fleet: Fleet) -> None:
    """Load options: the runner in memory is another one."""
    fleet.add_host(slots=4, loaded=[MODEL])
    submit_job(fleet, options={"num_ctx": 8192})
    submit_job(fleet, options={"num_ctx": 8192})
    submit_job(fleet)


def tenants(fleet: Fleet) -> None:
    """Shares of two tenants in two lanes, one of which has a job that waits for its time."""
    fleet.add_host(slots=8)
    submit_job(fleet, tenant="later", start_after=1000)
    for tenant in ("light", "heavy", "later", "light"):
        submit_job(fleet, tenant=tenant)
        submit_job(fleet, tenant=tenant, priority="interactive")


def images(fleet: Fleet) -> None:
    """What is written beside the queue: a key, a limit of time, a trace of the host that took it."""
    fleet.add_host(slots=2)
    submit_job(fleet, idempotency_key="k", start_within=30, metadata={"a": "b"})


def conversations(fleet: Fleet) -> None:
    """Turns go through their queue in both."""
    fleet.add_host(slots=2)
    for _ in range(2):
        number = fleet.redis.zcard(fleet.keys.jobs())
        turn = {"kind": "chat", "model": MODEL, "conversation": "c", "message": "q"}
        fleet.queue.submit(turn, job_id=f"job-{number}")


def nobody(fleet: Fleet) -> None:
    """No host takes it: the offers are out of date, of hosts that are not there or lack the model."""
    fleet.add_host("alpha", models=[OTHER])
    fleet.add_host("beta")
    fleet.queue.pause(host="beta")
    fleet.redis.zadd(f"{fleet.keys.prefix}:model:{MODEL}:offers", {"alpha": 1, "gone": 2})
    submit_job(fleet)


@pytest.mark.parametrize(
    "do", [plain, needs_load, options, tenants, images, conversations, nobody], ids=lambda do: str(do.__name__)
)
def test_redis_holds_the_same_as_if_the_job_had_been_queued(
    direct: Fleet, queued: Fleet, do: Callable[[Fleet], None]
) -> None:
    """Slots, leases, shares, loaded models, offers and logs; and nothing that a queue leaves behind."""
    do(direct)
    do(queued)

    index = ":waiting:batch"
    ours = read_keys(direct, without=(direct.keys.prefix + index,))
    theirs = read_keys(queued, without=(queued.keys.prefix + index,))
    assert find_differences(ours, theirs) == {}


def test_a_job_that_finds_a_slot_is_in_no_queue(direct: Fleet) -> None:
    """Nothing of its queue, its age or its tenant's waiting jobs is written."""
    direct.add_host(slots=1)
    direct.redis.config_resetstat()

    submit_job(direct)

    assert direct.slots() == {"job-0": MODEL}
    calls = direct.redis.info("commandstats")
    assert not {"cmdstat_srem", "cmdstat_sadd", "cmdstat_sinter"} & set(calls)


def test_a_job_that_waits_for_another_model_keeps_its_turn(direct: Fleet) -> None:
    """The host's next load is for the job that came first, and not for the new one, which finds a slot free."""
    direct.add_host(slots=2, models=[MODEL, OTHER], loaded=[MODEL], patience=0)
    submit_job(direct)
    submit_job(direct, model=OTHER)
    submit_job(direct)

    assert set(direct.slots()) == {"job-0"}
    assert direct.waiting_jobs() == ["job-2"]
    assert direct.waiting_jobs(OTHER) == ["job-1"]

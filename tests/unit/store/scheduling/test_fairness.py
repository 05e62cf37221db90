"""Fairness: between tenants by slot seconds and weight, between lanes by patience; and what waits is bounded."""

import math
import time
from collections import Counter
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from llamaq import Job, QueueFull
from llamaq.settings.producer import Settings
from llamaq.store.worker.job_store import JobStore


def order_of(fleet: Fleet, store: JobStore, number: int) -> list[str]:
    """Run so many jobs to their end one by one; their ids in the order in which they got the slot."""
    order = []
    for _ in range(number):
        (job_id,) = fleet.slots()
        order.append(job_id)
        store.complete(fleet.claim(store, fleet.queue.job(job_id)), make_outcome())
    return order


def named(order: list[str], **jobs: list[Job[Any]]) -> str:
    """The order as letters, one for each tenant."""
    letter = {job.id: name for name, own in jobs.items() for job in own}
    return "".join(letter[job_id] for job_id in order)


def test_a_flood_lets_others_in_by_turns(fleet: Fleet) -> None:
    """Behind 50 jobs of one tenant, each of another's runs as every second one at the latest, from the first on."""
    store = fleet.add_host()
    flood = [fleet.submit(tenant="x") for _ in range(50)]
    order_of(fleet, store, 5)
    few = [fleet.submit(tenant="y") for _ in range(10)]

    order = named(order_of(fleet, store, 25), x=flood, y=few)

    assert order.count("y") == 10
    assert all(order[: 2 * number + 1].count("y") >= number for number in range(11)), order


def test_weights_share_the_slots(fleet: Fleet, prefix: str) -> None:
    """With weights 3 and 1, of every four slots three go to the first, whoever was earlier."""
    weighty = Fleet(fleet.url, prefix, tenant_weights={"acme": 3})
    store = weighty.add_host()
    free = [weighty.submit(tenant="free") for _ in range(30)]
    acme = [weighty.submit(tenant="acme") for _ in range(30)]

    count = Counter(named(order_of(weighty, store, 28), a=acme, f=free))

    assert 19 <= count["a"] <= 23
    weighty.close()


def test_what_counts_is_slot_seconds(fleet: Fleet) -> None:
    """A tenant whose jobs took long has had its share; one whose jobs were brief comes sooner with its next."""
    store = fleet.add_host()
    first = fleet.submit(tenant="keeper")
    long, brief = fleet.submit(tenant="long"), fleet.submit(tenant="brief")
    for tenant in ("long", "brief"):
        fleet.submit(tenant=tenant)
    store.complete(fleet.claim(store, first), make_outcome())
    for job, seconds in ((long, 50), (brief, 0)):
        claimed = fleet.claim(store, job)
        fleet.redis.hset(fleet.keys.record(job.id), "assigned_at", time.time() - seconds)
        store.complete(claimed, make_outcome())

    again = [fleet.submit(tenant="long"), fleet.submit(tenant="brief")]

    assert fleet.waiting_jobs()[-2:] == [again[1].id, again[0].id]


def test_a_load_is_not_charged_to_the_tenant_whose_job_waited_for_it(fleet: Fleet) -> None:
    """Its job counts as one of mean length; the measured time is that of the load."""
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, "1.0")
    store = fleet.add_host(slots=2)
    loading, usual = fleet.submit(tenant="loading"), fleet.submit(tenant="usual")
    fleet.submit(tenant="keeper")
    claimed = [fleet.claim(store, job) for job in (loading, usual)]
    store.complete(claimed[0], make_outcome(), ran_seconds=100)
    store.complete(claimed[1], make_outcome(), ran_seconds=1)

    charged = fleet.redis.zrange(f"{fleet.keys.prefix}:tenants:normal:{MODEL}", 0, -1, withscores=True)
    scores = dict(charged)
    assert scores["loading"] == pytest.approx(scores["usual"], abs=0.2)


@pytest.mark.parametrize("seconds", [0.001, 1000])
def test_turns_do_not_depend_on_what_was_measured_meanwhile(fleet: Fleet, seconds: float) -> None:
    """Jobs sent after the model's service time has changed take turns with those that wait already, one by one."""
    store = fleet.add_host()
    flood = [fleet.submit(tenant="x") for _ in range(20)]
    order_of(fleet, store, 2)
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, seconds)
    few = [fleet.submit(tenant="y") for _ in range(5)]

    order = named(list(fleet.slots()) + fleet.waiting_jobs(), x=flood, y=few)

    assert order.startswith("xyyxyxyxyx"), order
    assert order.count("y") == 5


def test_ones_own_jobs_keep_their_order(fleet: Fleet) -> None:
    """Whatever a tenant is given back for brief or cancelled jobs, its later jobs never overtake its earlier ones."""
    store = fleet.add_host()
    jobs = [fleet.submit(tenant="x") for _ in range(5)]
    fleet.submit(tenant="y")
    jobs.pop(3).cancel()
    order_of(fleet, store, 2)
    jobs += [fleet.submit(tenant="x") for _ in range(3)]

    waiting = [job_id for job_id in [*fleet.slots(), *fleet.waiting_jobs()] if job_id in {job.id for job in jobs}]

    assert waiting == [job.id for job in jobs if job.id in waiting]


def test_a_retried_job_keeps_its_place(fleet: Fleet) -> None:
    """It stands before what was sent after it, by its own tenant and by those who take turns with it."""
    store = fleet.add_host()
    retried = fleet.submit(tenant="x")
    others = [fleet.submit(tenant=tenant) for tenant in "xyxy"]
    store.release(fleet.claim(store, retried), make_error(), 30, counts=True)
    fleet.make_retry_due(retried.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None

    assert fleet.waiting_jobs()[0] == retried.id
    assert len(fleet.waiting_jobs()) == len(others)


def test_lanes_are_apart(fleet: Fleet) -> None:
    """A tenant that floods one lane is not behind with its first job of another."""
    fleet.add_host()
    fleet.submit(tenant="y")
    for _ in range(20):
        fleet.submit(tenant="x", priority="batch")
    others = [fleet.submit(tenant="y", priority="interactive") for _ in range(3)]
    urgent = fleet.submit(tenant="x", priority="interactive")

    assert urgent.status().position == 1
    assert [job.status().position for job in others] == [0, 2, 3]


def test_a_lane_that_is_passed_over_gets_a_slot_in_turn(fleet: Fleet) -> None:
    """After LLAMAQ_LANE_PATIENCE and four jobs of higher lanes, one of the lower lane goes; then the higher go on."""
    store = fleet.add_host(lane_patience=0)
    urgent = [fleet.submit(priority="interactive") for _ in range(15)]
    low = [fleet.submit(priority="batch") for _ in range(2)]

    order = named(order_of(fleet, store, 17), i=urgent, b=low)

    assert order == "iiiiibiiiibiiiiii"


def test_within_lane_patience_higher_lanes_go_first(fleet: Fleet) -> None:
    """The default is a minute: until then batch waits for all above it."""
    store = fleet.add_host()
    first = fleet.submit(priority="batch")
    low = fleet.submit(priority="batch")
    urgent = [fleet.submit(priority="interactive") for _ in range(9)]

    assert order_of(fleet, store, 11) == [first.id, *(job.id for job in urgent), low.id]


def test_what_is_kept_of_tenants_goes_with_their_jobs(fleet: Fleet) -> None:
    """Tags of tenants that are idle vanish, also while others go on; all of it when the last job has ended."""
    store = fleet.add_host()
    jobs = [fleet.submit(tenant=f"t{number}") for number in range(20)]
    order_of(fleet, store, 20)
    busy = [fleet.submit(tenant="busy") for _ in range(30)]
    jobs += [fleet.submit(tenant=f"u{number}") for number in range(20)]
    order_of(fleet, store, 45)
    fleet.submit(tenant="busy")

    tags = fleet.redis.zrange(f"{fleet.keys.prefix}:tenants:normal:{MODEL}", 0, -1)
    assert len(tags) <= 8, tags
    order_of(fleet, store, 6)

    assert len(busy) + len(jobs) + 1 == len(fleet.queue.jobs(100))
    left = (":tenants:", ":lane:", ":queued", ":runner:", ":waiting:")
    assert not [name for name in fleet.key_names() if name.startswith(left)]


def test_a_tenants_cap_is_over_all_models(fleet: Fleet, prefix: str) -> None:
    """At LLAMAQ_MAX_QUEUED_PER_TENANT waiting jobs the tenant's next is refused; others, and who goes on, are not."""
    capped = Fleet(fleet.url, prefix, max_queued_per_tenant=2)
    capped.submit("a", tenant="x", priority="batch")
    second = capped.submit("b", tenant="x")

    with pytest.raises(QueueFull, match="of tenant x wait") as refused:
        capped.submit("c", tenant="x")

    assert refused.value.retry_after > 0
    assert capped.submit("c", tenant="y").status().state == "queued"
    second.cancel()
    assert capped.submit("c", tenant="x").status().state == "queued"
    capped.close()


def test_turns_of_a_conversation_count_towards_the_cap(fleet: Fleet, prefix: str) -> None:
    """Those that wait for a turn before them wait as well, though not in the line."""
    capped = Fleet(fleet.url, prefix, max_queued_per_tenant=2)
    for _ in range(2):
        capped.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True)

    with pytest.raises(QueueFull):
        capped.queue.chat(MODEL, conversation="c", message="x", wait_for_model=True)
    capped.close()


def test_retry_after_is_when_the_next_place_is_free(fleet: Fleet, prefix: str) -> None:
    """With a service time of 8 s, and 5 s of it over, there is room in about 3 s."""
    full = Fleet(fleet.url, prefix, max_queued=1)
    store = full.add_host()
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, "8.0")
    running = full.submit()
    full.claim(store, running)
    fleet.redis.hset(fleet.keys.record(running.id), "assigned_at", time.time() - 5)
    full.submit()
    full.forget_forecasts()

    with pytest.raises(QueueFull) as refused:
        full.submit()

    assert refused.value.retry_after == pytest.approx(3, abs=0.7)
    full.close()


@pytest.mark.parametrize("weight", [0, -3, math.nan, math.inf, "none"])
def test_no_producer_spoils_a_line(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, weight: Any) -> None:
    """A producer of another make, or a wrong one, gives any weight: the others can still submit, and their jobs run."""
    store = fleet.add_host()
    monkeypatch.setattr(fleet.queue, "settings", SimpleNamespace(**_slots_of(fleet.queue.settings, {"z": weight})))

    flood = [fleet.submit(tenant="z") for _ in range(3)]
    order_of(fleet, store, 2)
    other = fleet.submit(tenant="other")
    order_of(fleet, store, 2)

    assert {job.status().state for job in (*flood, other)} == {"completed"}


def _slots_of(settings: Settings, weights: Any) -> dict[str, Any]:
    """The settings, unchecked."""
    return {field.name: getattr(settings, field.name) for field in fields(settings)} | {"tenant_weights": weights}

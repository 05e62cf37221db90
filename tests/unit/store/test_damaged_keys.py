"""A key that something else has written over is set aside, and all jobs but its own end as they should."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from redis.exceptions import RedisError

from embedded.scripted.fleet import LEASE_SECONDS, MODEL, Fleet, make_error, make_outcome
from llamaq import Job, JobQueue
from llamaq.store.worker.job_store import REAPED_AT_A_TIME
from llamaq.vocabulary.errors import BrokerUnavailable
from worker.duties.reaper import Reaper
from worker.telemetry.fleet_metrics import FleetCollector

QUEUE = f":normal:{MODEL}"
KEYS = {
    **dict.fromkeys(
        (":leases", ":delayed", ":start_by", ":jobs", ":hosts", ":expiring", ":refused", ":failing"), "zset"
    ),
    **dict.fromkeys(
        (
            ":offers_due",
            f":model:{MODEL}:offers",
            ":lapses",
            ":webhooks",
            ":webhook_receivers",
            ":webhooks_failing",
            ".unacked_index",
            ":batches",
        ),
        "zset",
    ),
    **dict.fromkeys(
        (":paused", ":ended", ":reaper", ":queued", ":tenant_of", ":images_of", ":blobs", ":service"), "hash"
    ),
    **dict.fromkeys((":inbox:taken", ".store", ".scripts", ".unacked"), "hash"),
    **dict.fromkeys((":dead", ":inbox"), "stream"),
    **dict.fromkeys(("", "\6\0263", ".host.alpha", ".host.alpha\6\0263", ".worker.w1"), "list"),
    **dict.fromkeys((":host:alpha:workers", f":waiting{QUEUE}", f":ages{QUEUE}", f":tenants{QUEUE}"), "zset"),
    f":runner{QUEUE} ": "zset",
    **dict.fromkeys((":host:alpha", ":host:alpha:slots", ":host:alpha:loaded", ":host:alpha:capabilities"), "hash"),
    **dict.fromkeys((":host:alpha:refusals", ":host:alpha:runners", ":host:alpha:sizes"), "hash"),
    **dict.fromkeys((":host:alpha:host_jobs", f":lane{QUEUE}"), "hash"),
    **dict.fromkeys((":host:alpha:models", f":model:{MODEL}:hosts", ":waiting:normal"), "set"),
    **dict.fromkeys((".unacked_mutex", f":forecast:{MODEL}", ":host:alpha:generation"), "string"),
}
"""Every key of the fleet, of a host, of a model and of Celery, with the type that it has to have."""
FIELDS = [
    *(
        (":host:alpha", name)
        for name in (
            *("slots", "max_models", "patience", "lane_patience", "swaps", "assigned_at", "trips", "seen_at"),
            *("report_keys", "reported_at"),
        )
    ),
    *((":reaper", name) for name in ("last", "slow", "grace", "until", "longest_lease", "strays_page")),
    *((f":lane{QUEUE}", name) for name in ("virtual", "jobs", "since", "passed")),
    *((":ended", name) for name in ("completed", "failed")),
    *(((":host:alpha:" + name), member) for name, member in (("refusals", MODEL), ("sizes", "w2"), ("runners", MODEL))),
    (":host:alpha:loaded", MODEL),
    (":service", MODEL),
    (":queued", "default"),
]
"""Fields that scripts calculate with."""


class World:
    """A fleet with a job that runs, and others that wait for a slot, a turn and a retry."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.store = fleet.add_host(name="alpha")
        self.running, self.claimed = fleet.start_job(self.store, start_within=900)
        self.waiting = fleet.submit(start_within=900)
        self.turns = [fleet.queue.chat(MODEL, conversation="c", message=text) for text in "ab"]
        self.retrying = fleet.submit(tenant="other")
        fleet.redis.hset(fleet.keys.record(self.retrying.id), mapping={"state": "retrying", "delay": 900})
        fleet.redis.zrem(f"{fleet.keys.prefix}:waiting{QUEUE}", self.retrying.id)
        fleet.redis.zadd(f"{fleet.keys.prefix}:delayed", {self.retrying.id: 2e9})
        fleet.append(self.claimed, 1, text="x")
        self.jobs: list[Job[Any]] = [self.running, self.waiting, *self.turns, self.retrying]

    def rounds(self) -> None:
        """A few seconds of the reaper and of reports; then all that is held or delayed is due."""
        reaper = Reaper(self.store, lambda _: None)
        for _ in range(3):
            for step in (reaper.run_round, lambda: self.fleet.add_host(name="alpha")):
                try:
                    step()
                except RedisError:  # the supervisor logs it, and the next round begins
                    continue
        for index in (":leases", ":delayed"):
            members = self.fleet.redis.zrange(self.fleet.keys.prefix + index, 0, -1)
            self.fleet.redis.zadd(self.fleet.keys.prefix + index, dict.fromkeys(members, 1)) if members else None
        self.fleet.end_reaper_leadership()

    def end_all(self) -> None:
        """Run what a worker gets, until every job has ended."""
        for _ in range(12):
            self.rounds()
            for job_id in self.fleet.slots():
                claimed = self.store.claim(job_id)
                if claimed is not None:
                    self.store.complete(claimed, make_outcome())
            if all(job.status().state == "completed" for job in self.jobs):
                return
        pytest.fail(f"{[(job.id, job.status()) for job in self.jobs]}")


def overwrite(fleet: Fleet, key: str, kind: str) -> None:
    """Put something of another type in its place."""
    fleet.redis.delete(key)
    if kind == "string":
        fleet.redis.rpush(key, "x")
    else:
        fleet.redis.set(key, "x")


def scraped(fleet: Fleet) -> str:
    """The fleet's metrics."""
    registry = CollectorRegistry()
    registry.register(FleetCollector(fleet.redis, fleet.keys))
    return generate_latest(registry).decode()


def first_that_works(submit: Callable[[], Job[Any]]) -> Job[Any]:
    """A producer that tries again."""
    for _ in range(3):
        try:
            return submit()
        except BrokerUnavailable:
            continue
    raise AssertionError("no submit works")


@pytest.mark.parametrize(("name", "kind"), KEYS.items(), ids=map(repr, KEYS))
def test_a_key_of_another_type_is_set_aside(fleet: Fleet, name: str, kind: str) -> None:
    """Every job ends, no metric is lost meanwhile, and it is noted what was set aside, and where to."""
    world, key = World(fleet), fleet.keys.prefix + name
    overwrite(fleet, key, kind)

    assert "llamaq_redis_up 1.0" in scraped(fleet)
    world.rounds()
    world.jobs.append(first_that_works(fleet.submit))
    world.end_all()

    assert fleet.redis.type(key) in (kind, "none")
    (note,) = [json.loads(note) for note in fleet.redis.zrange(fleet.keys.damaged(), 0, -1)]
    assert note == {"key": key, "field": "", "found": "list" if kind == "string" else "string", "wanted": kind}
    assert fleet.redis.exists(f"{fleet.keys.damaged()}:{key}")
    assert "llamaq_damaged_keys 1.0" in scraped(fleet)


@pytest.mark.parametrize(("name", "field"), FIELDS)
@pytest.mark.parametrize("value", ["x", "nan", ""])
def test_a_damaged_field_holds_up_nothing(fleet: Fleet, name: str, field: str, value: str) -> None:
    """It begins anew; every job ends, and no metric is lost meanwhile."""
    world, key = World(fleet), fleet.keys.prefix + name
    fleet.redis.hset(key, field, value)

    assert "llamaq_redis_up 1.0" in scraped(fleet)
    world.rounds()
    fleet.add_host(name="alpha")
    world.jobs.append(first_that_works(fleet.submit))
    world.end_all()


@pytest.mark.parametrize("name", [":{%s}", ":{%s}:events"])
@pytest.mark.parametrize("which", range(5), ids=["running", "waiting", "turn", "next turn", "retrying"])
def test_what_belongs_to_one_job_holds_up_no_other(fleet: Fleet, name: str, which: int) -> None:
    """Its record or its log is of another type: all others end as they should."""
    world = World(fleet)
    damaged = world.jobs.pop(which)
    overwrite(fleet, fleet.keys.prefix + name % damaged.id, "hash")

    world.rounds()
    world.jobs.append(first_that_works(fleet.submit))
    world.end_all()


@pytest.mark.parametrize("name", [":turns:default:c", ":conversation:default:c", ":about:default:c"])
def test_what_belongs_to_one_conversation_holds_up_no_other(fleet: Fleet, name: str) -> None:
    """Its turns, messages or settings are of another type: the jobs of others end as they should."""
    world = World(fleet)
    world.jobs = [job for job in world.jobs if job not in world.turns]
    overwrite(fleet, fleet.keys.prefix + name, "hash")

    world.rounds()
    world.jobs.append(first_that_works(fleet.submit))
    world.end_all()


@pytest.mark.parametrize("name", [":leases", ":ended", ":images_of", f":lane{QUEUE}", ".host.alpha"])
def test_the_end_of_an_attempt_does_not_wait_for_the_reaper(fleet: Fleet, name: str) -> None:
    """A worker sets aside what stops a call of its own, and sends the call again: the job does not fail for it."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    fleet.submit()
    overwrite(fleet, fleet.keys.prefix + name, "hash" if name in (":leases", ".host.alpha") else "zset")

    assert store.complete(claimed, make_outcome()) == "ok"
    assert job.status().state == "completed"
    assert len(fleet.slots()) == 1


@pytest.mark.parametrize("name", [f":waiting{QUEUE}", ":waiting:normal", ":delayed", ":leases", f":runner{QUEUE} "])
def test_jobs_of_an_index_that_was_deleted_by_hand_end(fleet: Fleet, name: str) -> None:
    """The reaper looks at a page of all jobs in each round, and puts back those that are in no index."""
    world = World(fleet)
    fleet.redis.delete(fleet.keys.prefix + name)
    assert world.store.complete(world.claimed, make_outcome()) == "ok"
    world.end_all()


def test_a_queue_of_another_type_fails_none_of_its_jobs(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """One round of the reaper puts all of them back, also where no look for damaged keys comes to the queue's model."""
    world, key = World(fleet), f"{fleet.keys.prefix}:waiting{QUEUE}"
    monkeypatch.setattr(world.store, "mend", lambda: 0)
    fleet.queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": "x"}] * (2 * REAPED_AT_A_TIME))
    before = fleet.waiting_jobs()
    world.store.reap()
    overwrite(fleet, key, "zset")

    world.store.reap()

    assert fleet.waiting_jobs() == before
    assert [job.status().state for job in world.jobs] == ["running", "queued", "queued", "queued", "retrying"]


def test_a_restored_lease_has_its_whole_time(fleet: Fleet) -> None:
    """One that was deleted by hand; those that are there stay as they are."""
    store = fleet.add_host(slots=2)
    deleted, kept = (fleet.start_job(store)[0].id for _ in range(2))
    leases = fleet.keys.leases()
    fleet.redis.zadd(leases, {f"{kept} alpha": fleet.redis.time()[0] + 7})
    before = fleet.redis.zscore(leases, f"{kept} alpha")
    fleet.redis.zrem(leases, f"{deleted} alpha")

    store.reap()

    assert fleet.redis.zscore(leases, f"{deleted} alpha") - fleet.redis.time()[0] == pytest.approx(LEASE_SECONDS, abs=2)
    assert fleet.redis.zscore(leases, f"{kept} alpha") == before


def test_a_job_that_cannot_be_assigned_holds_up_none_behind_it_in_its_call(fleet: Fleet) -> None:
    """A producer may not mend its host's damaged queue. Jobs of the other host, also a turn, get slots all the same."""
    fleet.add_host("alpha", models=["a:latest"])
    fleet.add_host("beta", models=["b:latest"], slots=3)
    fleet.redis.set(f"{fleet.keys.prefix}.host.alpha", "x")
    fleet.redis.acl_setuser("producer", enabled=True, nopass=True, keys="*", channels="*", commands=["+@all", "-type"])
    queue = JobQueue(fleet.url.replace("://", "://producer:x@"), prefix=fleet.keys.prefix)
    job: dict[str, Any] = {"kind": "generate", "model": "b", "prompt": "x"}
    turn: dict[str, Any] = {"kind": "chat", "model": "b", "conversation": "c", "message": "x"}

    with queue, pytest.raises(BrokerUnavailable):
        queue.submit_many([job, {**job, "model": "a"}, turn, job])

    assert list(fleet.slots("beta").values()) == ["b:latest"] * 3


def test_a_running_job_whose_host_was_deleted_by_hand_is_cancelled(fleet: Fleet) -> None:
    """Also where nothing tells which worker runs it."""
    job, _ = fleet.start_job(fleet.add_host())
    fleet.redis.hdel(fleet.keys.record(job.id), "host")
    job.cancel()
    assert job.status().state == "cancelled"


def test_a_damaged_service_time_fails_no_attempt(fleet: Fleet) -> None:
    """A tenant is charged by it."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    fleet.submit()
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, "x")
    assert store.fail(claimed, make_error()) == "ok"


def test_the_table_has_every_key(fleet: Fleet) -> None:
    """Those of a busy fleet, but for what belongs to one job, conversation or tenant."""
    World(fleet)
    shared = {name for name in fleet.key_names() if not name.startswith((":{", ":turns:", ":conversation", ":about:"))}
    assert shared <= set(KEYS)


def test_sound_keys_stay_as_they_are(fleet: Fleet) -> None:
    """Nothing is set aside, and nothing is noted."""
    world = World(fleet)
    before = fleet.key_names()
    assert world.store.mend() == 0
    assert fleet.key_names() - {":reaper"} == before

"""The job store as a state machine: any verb, by any of several workers, in any order, keeps the promises."""

import itertools
import json
import time
import uuid
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import ENDINGS, Fleet, error
from llamaq import Job
from llamaq.store.fleet import LIVE_SECONDS
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed

SLOTS, MAX_MODELS = 2, 1
MODELS = ("a:latest", "b:latest")
HOSTS = ("alpha", "beta")
LANES = ("interactive", "normal", "batch")
RUNNERS = ("", "num_ctx=2048")
RESULT = {"message": {"role": "assistant", "content": "x"}, "model": "a", "host": "alpha", "attempts": 1}


class Store(RuleBasedStateMachine):
    """Two hosts with two workers each; claims are kept for ever, so that dead and frozen workers go on talking."""

    jobs: Bundle[Job[Any]] = Bundle("jobs")
    claims: Bundle[ClaimedJob] = Bundle("claims")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.fleet = Fleet(url, f"machine-{uuid.uuid4().hex}", max_attempts=2)
        self.stores = {(host, name): self.fleet.worker(host, name) for host in HOSTS for name in ("w1", "w2")}
        self.flushes: Counter[tuple[str, int]] = Counter()
        for host in HOSTS:
            self.come_back(host)
        self.submitted: list[Job[Any]] = []
        self.deleted: list[Job[Any]] = []

    @rule(
        target=jobs,
        model=st.sampled_from(MODELS),
        lane=st.sampled_from(LANES),
        late=st.booleans(),
        options=st.sampled_from(({}, {"num_ctx": 2048})),
        tenant=st.sampled_from("xyz"),
        start=st.sampled_from((None, None, 600)),
    )
    def submit(self, model: str, lane: Any, late: bool, options: Any, tenant: str, start: float | None) -> Job[Any]:
        within = 600 if late else None
        job = self.fleet.submit(
            model, priority=lane, start_within=within, options=options, tenant=tenant, start_after=start
        )
        return self._noted(job)

    @rule(
        target=jobs,
        conversation=st.sampled_from("cd"),
        how=st.sampled_from(("enqueue", "interrupt", "rollback")),
        start=st.sampled_from((None, None, 600)),
    )
    def say(self, conversation: str, how: Any, start: float | None) -> Job[Any]:
        about = {"conversation": conversation, "when_busy": how, "start_after": start}
        turn = self.fleet.queue.chat(MODELS[0], message="x", wait_for_model=True, **about)
        return self._noted(turn)

    def _noted(self, job: Job[Any]) -> Job[Any]:
        self.submitted.append(job)
        return job

    @rule(target=claims, job=jobs, host=st.sampled_from(HOSTS), name=st.sampled_from(("w1", "w2")))
    def claim(self, job: Job[Any], host: str, name: str) -> Any:
        claimed = self.stores[host, name].claim(job.id)
        return multiple() if claimed is None else claimed

    @rule(claim=claims, again=st.booleans())
    def append(self, claim: ClaimedJob, again: bool) -> None:
        self.flushes[claim.id, claim.attempt] += 1
        number = self.flushes[claim.id, claim.attempt]
        for _ in range(1 + again):
            self.fleet.append(claim, number, text=f"{claim.attempt}:{number}")

    @rule(claim=claims)
    def renew(self, claim: ClaimedJob) -> None:
        self.fleet.renew(claim)

    @rule(claim=claims, again=st.booleans())
    def complete(self, claim: ClaimedJob, again: bool) -> None:
        turn = ({"content": claim.id},) if claim.conversation else ()
        for _ in range(1 + again):
            self.stores[claim.host, "w1"].complete(claim, Completed(RESULT, turn))

    @rule(claim=claims)
    def fail(self, claim: ClaimedJob) -> None:
        self.stores[claim.host, "w1"].fail(claim, error())

    @rule(claim=claims, delay=st.sampled_from((0, 600)), counts=st.booleans(), again=st.booleans())
    def release(self, claim: ClaimedJob, delay: float, counts: bool, again: bool) -> None:
        for _ in range(1 + again):
            self.stores[claim.host, "w1"].release(claim, error(), delay, counts=counts)

    @rule(claim=claims)
    def let_go(self, claim: ClaimedJob) -> None:
        """As the worker does it: only for a job that it was told is cancelled."""
        if self.fleet.record(claim.id).get("state") in {"cancelled", "deleted"}:
            self.stores[claim.host, "w1"].free_slot(claim)

    @rule(job=jobs)
    def cancel(self, job: Job[Any]) -> None:
        job.cancel()

    @rule(job=consumes(jobs))
    def delete(self, job: Job[Any]) -> None:
        """Whoever has claimed it goes on."""
        assert self.fleet.queue.delete(job.id)
        self.submitted.remove(job)
        self.deleted.append(job)

    @rule(job=jobs)
    def lapse(self, job: Job[Any]) -> None:
        for host in HOSTS:
            self.fleet.redis.zadd(self.fleet.keys.leases(), {f"{job.id} {host}": 1}, xx=True)

    @rule(job=jobs)
    def hurry(self, job: Job[Any]) -> None:
        """A delay ends, or `start_within` does."""
        for name in ("delayed", "start_by"):
            self.fleet.redis.zadd(f"{self.fleet.keys.prefix}:{name}", {job.id: 1}, xx=True)

    @rule(host=st.sampled_from(HOSTS), name=st.sampled_from(("w1", "w2")))
    def reap(self, host: str, name: str) -> None:
        self.fleet.patient()
        assert self.stores[host, name].reap() is not None

    @rule(host=st.sampled_from(HOSTS), drain=st.booleans())
    def pause(self, host: str, drain: bool) -> None:
        """An operator, who knows the host by its report."""
        if self.fleet.redis.zscore(self.fleet.keys.hosts(), host):
            (self.fleet.queue.drain if drain else self.fleet.queue.pause)(host=host)

    @rule(model=st.sampled_from(MODELS))
    def pause_model(self, model: str) -> None:
        self.fleet.queue.pause(model=model)

    @rule()
    def resume(self) -> None:
        for what in self.fleet.redis.hkeys(self.fleet.keys.paused()):
            kind, _, name = what.partition(":")
            self.fleet.queue.resume(**{kind: name})

    @rule(host=st.sampled_from(HOSTS))
    def leave(self, host: str) -> None:
        for name in ("w1", "w2"):
            self.stores[host, name].leave()

    @rule(host=st.sampled_from(HOSTS), loaded=st.sampled_from(((), MODELS[:1], MODELS[1:], MODELS)))
    def look(self, host: str, loaded: tuple[str, ...]) -> None:
        """A report, true or not, of what is in memory."""
        self.come_back(host, loaded)

    def come_back(self, host: str, loaded: tuple[str, ...] = ()) -> None:
        """A host has Ollama's word on what it has, and little patience."""
        models = MODELS if host == "alpha" else MODELS[:1]
        self.stores[host, "w1"].report(
            SLOTS, MAX_MODELS, "{}", models, loaded=loaded, affinity_patience=0.02, lane_patience=60
        )

    @invariant()
    def promises_hold(self) -> None:
        seen = Seen(self.fleet, self.submitted, self.deleted)
        seen.check_deleted()
        seen.check_slots()
        seen.check_places()
        seen.check_counts()
        seen.check_offers()
        seen.check_paused()
        for job in self.submitted:
            check_log(seen.logs[job.id], seen.records[job.id]["state"])

    def teardown(self) -> None:
        """Whatever was done: let all workers die, and the reaper run,, and every job ends, and nothing is held."""
        self.resume()
        for _ in range(20 + 5 * len(self.submitted)):
            seen = Seen(self.fleet, self.submitted, self.deleted)
            unended = [job for job in self.submitted if seen.records[job.id]["state"] not in ENDINGS]
            if not unended and not seen.pairs:
                break
            self.come_back("alpha")
            for job in unended:
                self.stores[seen.records[job.id].get("host", "alpha"), "w2"].claim(job.id)
                self.hurry(job)
            for job in (*self.submitted, *self.deleted):
                self.lapse(job)
            self.reap("alpha", "w1")
        self.promises_hold()
        assert (unended, seen.pairs) == ([], set())
        places = (":scheduled", ":delayed", ":start_by", ":turns", ":waiting", ":blobs", ":leases", ":host:alpha:slots")
        gone = (*places, ":runner", ":queued", ":lane", ":tenants")
        names = self.fleet.names()
        assert not [name for name in names if name.startswith(gone)]
        assert not [name for name in names for job in self.deleted if job.id in name]
        for name in "cd":
            kept = self.fleet.redis.lrange(self.fleet.keys.conversation("default", name), 0, -1)
            assert len(kept) == len(set(kept)), "a turn was kept twice"
        self.fleet.redis.delete("nothing", *(self.fleet.keys.prefix + name for name in names))
        self.fleet.close()


class Seen:
    """All of the store, read in one transaction."""

    def __init__(self, fleet: Fleet, jobs: list[Job[Any]], deleted: list[Job[Any]]) -> None:
        keys, prefix = fleet.keys, fleet.keys.prefix
        kept, jobs = jobs, [*jobs, *deleted]
        with fleet.redis.pipeline(transaction=True) as pipe:
            for job in jobs:
                pipe.hgetall(keys.record(job.id))
                pipe.xrange(keys.events(job.id))
            for host in HOSTS:
                pipe.hgetall(keys.slots(host))
            pipe.zrange(keys.leases(), 0, -1)
            pipe.zrange(f"{prefix}:delayed", 0, -1)
            for name in "cd":
                pipe.zrange(f"{prefix}:turns:default:{name}", 1, -1)
            for model, lane in itertools.product(MODELS, LANES):
                pipe.zrange(f"{prefix}:waiting:{lane}:{model}", 0, -1)
            for model, lane, runner in itertools.product(MODELS, LANES, RUNNERS):
                pipe.zrange(f"{prefix}:runner:{lane}:{model} {runner}", 0, -1)
            pipe.hgetall(f"{prefix}:queued")
            for model in MODELS:
                pipe.zrange(f"{prefix}:scheduled:{model}", 0, -1)
            for host in HOSTS:
                pipe.hgetall(f"{keys.host(host)}:loaded")
            for model in MODELS:
                pipe.zrange(f"{prefix}:model:{model}:offers", 0, -1)
                pipe.smembers(f"{prefix}:model:{model}:hosts")
            pipe.hgetall(keys.paused())
            pipe.zrangebyscore(keys.hosts(), time.time() - LIVE_SECONDS + 1, "+inf")
            answers = pipe.execute()
        of_jobs, rest = answers[: 2 * len(jobs)], answers[2 * len(jobs) :]
        records = {job.id: record for job, record in zip(jobs, of_jobs[::2], strict=True)}
        self.records = {job.id: records[job.id] for job in kept}
        self.deleted = {job.id: records[job.id] for job in deleted}
        self.logs = {
            job.id: [json.loads(entry["event"]) for _, entry in log]
            for job, log in zip(jobs, of_jobs[1::2], strict=True)
        }
        self.held = dict(zip(HOSTS, rest[:2], strict=True))
        self.leases = set(rest[2])
        rooms, runners = 6 + len(MODELS) * len(LANES), len(MODELS) * len(LANES) * len(RUNNERS)
        self.places = list(itertools.chain(*rest[3:rooms]))
        self.waiting = list(itertools.chain(*rest[6:rooms]))
        self.by_runner = list(itertools.chain(*rest[rooms : rooms + runners]))
        self.queued, *more = rest[rooms + runners :]
        self.scheduled = list(itertools.chain(*more[: len(MODELS)]))
        more = more[len(MODELS) :]
        self.delayed = set(rest[3])
        self.resident = dict(zip(HOSTS, more[:2], strict=True))
        self.offers = dict(zip(MODELS, zip(more[2:-2:2], more[3:-2:2], strict=True), strict=True))
        self.paused: dict[str, str] = more[-2]
        self.live: list[str] = more[-1]
        self.pairs = {f"{job_id} {host}" for host, slots in self.held.items() for job_id in slots}

    def check_deleted(self) -> None:
        """It is in no place and has no log; where a worker still has its slot, the record says no more than that."""
        for job_id, record in self.deleted.items():
            assert job_id not in self.places
            assert self.logs[job_id] == []
            assert set(record) in (set(), {"state", "fence", "host", "model", "lease"})
            assert bool(record) == any(job_id in slots for slots in self.held.values())

    def check_slots(self) -> None:
        """Never more than the slots, and a lease exactly where a slot is held, by the record's own word."""
        for slots in self.held.values():
            running = list(slots.values())
            assert len(set(running)) <= MAX_MODELS
            assert all(running.count(model) <= SLOTS for model in MODELS)
        assert self.pairs == self.leases
        records = {**self.records, **{job_id: record for job_id, record in self.deleted.items() if record}}
        by_record = {f"{job_id} {record['host']}" for job_id, record in records.items() if record["lease"]}
        assert self.pairs == by_record

    def check_counts(self) -> None:
        """Who waits stands with its runner too, and counts for its tenant; what runs is in memory, with one runner."""
        assert sorted(self.waiting) == sorted(self.by_runner)
        tenants = Counter(self.records[job_id]["tenant"] for job_id in (*self.waiting, *self.scheduled))
        assert set(self.scheduled) == {one for one in self.delayed if self.records[one]["state"] == "queued"}
        assert {name: int(number) for name, number in self.queued.items()} == tenants
        for host, slots in self.held.items():
            for model in set(slots.values()):
                kept = {job_id for job_id, other in slots.items() if other == model} - set(self.deleted)
                runners = {self.records[job_id]["runner"] for job_id in kept}
                assert runners <= {self.resident[host][model].split("|", 1)[1]}

    def check_offers(self) -> None:
        """A live host with a free slot for a model is found by the next submit; one without is not asked."""
        for model, (offered, having) in self.offers.items():
            for host in having & set(self.live):
                running = Counter(self.held[host].values())
                loading = any(entry.startswith("0 ") for entry in self.resident[host].values())
                free = running[model] < SLOTS if running[model] else len(running) < MAX_MODELS
                known = model in self.resident[host] or model in running
                paused = f"host:{host}" in self.paused or f"model:{model}" in self.paused
                can = free and (known or not loading) and not paused
                assert (host in offered) == can, (model, host, running, loading, paused)

    def check_paused(self) -> None:
        """No job waits there to be claimed: what holds a slot has begun."""
        records = {**self.records, **self.deleted}
        for host, slots in self.held.items():
            for job_id, model in slots.items():
                paused = f"host:{host}" in self.paused or f"model:{model}" in self.paused
                assert not paused or records[job_id]["lease"] == "claimed", (host, model)

    def check_places(self) -> None:
        """A job that has not ended is in exactly one place: a slot, a line, a delay, or behind another turn."""
        for job_id, record in self.records.items():
            held = bool(record["lease"])
            if record["state"] in ENDINGS:
                assert not held or record["state"] == "cancelled"
                assert job_id not in self.places
            else:
                assert self.places.count(job_id) + held == 1, record


def check_log(log: list[dict[str, Any]], state: str) -> None:
    """One `queued` first, deltas only of the attempt that runs, at most one terminal event, and it is the last."""
    types = [event["type"] for event in log]
    assert types[0] == "queued"
    assert types.count("queued") == 1
    attempt, speaking = 0, False
    for event in log[1:]:
        match event["type"]:
            case "started":
                assert event["attempt"] == attempt + 1
                attempt, speaking = event["attempt"], True
            case "delta":
                assert speaking, "text without an attempt"
                assert event["attempt"] == attempt
                assert event["text"].startswith(f"{attempt}:")
            case _:
                assert event["attempt"] == attempt
                speaking = False
    texts = [event["text"] for event in log if event["type"] == "delta"]
    assert len(texts) == len(set(texts)), "a flush was written twice"
    assert [kind for kind in types if kind in ENDINGS] == ([state] if state in ENDINGS else [])
    assert state not in ENDINGS or types[-1] == state


def test_any_order_of_verbs_keeps_the_promises(redis_server: EmbeddedRedis) -> None:
    """Hypothesis chooses who does what and when: workers that died, froze, doubled or came too late among them."""
    run_state_machine_as_test(
        lambda: Store(redis_server.url),
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes here: add it to debug
        ),
    )

"""The job store as a state machine: any verb, by any of several workers, in any order, keeps the promises."""

import uuid
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import ENDINGS, Fleet, make_error
from llamaq import Job
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed
from tests.unit.store.begun import Begun
from tests.unit.store.promises import HOSTS, LANES, MAX_MODELS, MODELS, SLOTS, Seen, check_log

RESULT = {"message": {"role": "assistant", "content": "x"}, "model": "a", "host": "alpha", "attempts": 1}


class Store(RuleBasedStateMachine):
    """Two hosts with two workers each; claims are kept for ever, so that dead and frozen workers go on talking."""

    jobs: Bundle[Job[Any]] = Bundle("jobs")
    claims: Bundle[ClaimedJob] = Bundle("claims")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.fleet = Fleet(url, f"machine-{uuid.uuid4().hex}", max_attempts=2)
        self.stores = {(host, name): self.fleet.open_store(host, name) for host in HOSTS for name in ("w1", "w2")}
        self.flushes: Counter[tuple[str, int]] = Counter()
        for host in HOSTS:
            self.come_back(host)
        self.submitted: list[Job[Any]] = []
        self.deleted: list[Job[Any]] = []
        self.failed: dict[str, set[str]] = {}
        """Of each job, the hosts where an attempt has failed by what speaks against nobody."""
        self.before = Seen(self.fleet, [], [])

    @initialize(target=jobs, lane=st.sampled_from(LANES))
    def open(self, lane: Any) -> Any:
        """Hypothesis leaves rules out, and most others need a job."""
        return multiple(*(self._note(self.fleet.submit(model, priority=lane)) for model in (*MODELS, *MODELS)))

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
        return self._note(job)

    @rule(
        target=jobs,
        conversation=st.sampled_from("cd"),
        how=st.sampled_from(("enqueue", "interrupt", "rollback")),
        start=st.sampled_from((None, None, 600)),
    )
    def say(self, conversation: str, how: Any, start: float | None) -> Job[Any]:
        about = {"conversation": conversation, "when_busy": how, "start_after": start}
        turn = self.fleet.queue.chat(MODELS[0], message="x", wait_for_model=True, **about)
        return self._note(turn)

    def _note(self, job: Job[Any]) -> Job[Any]:
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

    @rule(target=claims, claim=claims, again=st.booleans(), takes_next=st.booleans())
    def complete(self, claim: ClaimedJob, again: bool, takes_next: bool) -> Any:
        turn = ({"content": claim.id},) if claim.conversation else ()
        begun, store = Begun(), self.stores[claim.host, "w1"]
        store.direct = begun if takes_next else None
        for _ in range(1 + again):
            store.complete(claim, Completed(RESULT, turn))
        store.direct = None
        return multiple(*begun.jobs)

    @rule(claim=claims)
    def fail(self, claim: ClaimedJob) -> None:
        self.stores[claim.host, "w1"].fail(claim, make_error())

    @rule(claim=claims, delay=st.sampled_from((0, 600)), counts=st.booleans(), again=st.booleans())
    def release(self, claim: ClaimedJob, delay: float, counts: bool, again: bool) -> None:
        known = self.failed.get(claim.id, set())
        self.failed[claim.id] = (set() if claim.host in known else known) | {claim.host}
        words = [
            self.stores[claim.host, "w1"].release(claim, make_error(), delay, counts=counts) for _ in range(1 + again)
        ]
        if words[0] != "ok" or not counts:
            self.failed[claim.id] = known

    @rule(host=st.sampled_from(HOSTS), delay=st.sampled_from((0, 600)))
    def break_down(self, host: str, delay: float) -> None:
        """It fails at each job that it has."""
        for job_id in self.fleet.slots(host):
            if claimed := self.stores[host, "w1"].claim(job_id):
                self.release(claimed, delay, counts=True, again=False)

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
    def expire_lease(self, job: Job[Any]) -> None:
        for host in HOSTS:
            self.fleet.redis.zadd(self.fleet.keys.leases(), {f"{job.id} {host}": 1}, xx=True)

    @rule(job=jobs)
    def hurry(self, job: Job[Any]) -> None:
        """A delay ends, or `start_within` does."""
        for name in ("delayed", "start_by"):
            self.fleet.redis.zadd(f"{self.fleet.keys.prefix}:{name}", {job.id: 1}, xx=True)

    @rule(host=st.sampled_from(HOSTS), name=st.sampled_from(("w1", "w2")))
    def reap(self, host: str, name: str) -> None:
        self.fleet.end_reaper_leadership()
        for lease in self.fleet.redis.zrangebyscore(self.fleet.keys.leases(), 0, 1):
            job_id, _ = lease.split()
            if self.fleet.record(job_id).get("lease") == "assigned":
                self.failed.pop(job_id, None)  # nobody claimed it
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
        seen.check_kept_away(self.before, self.failed)
        self.before = seen
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
                self.expire_lease(job)
            self.reap("alpha", "w1")
        self.promises_hold()
        assert (unended, seen.pairs) == ([], set())
        places = (":scheduled", ":delayed", ":start_by", ":turns", ":waiting", ":blobs", ":leases", ":host:alpha:slots")
        gone = (*places, ":runner", ":queued", ":lane", ":tenants")
        names = self.fleet.key_names()
        assert not [name for name in names if name.startswith(gone)]
        assert not [name for name in names for job in self.deleted if job.id in name]
        for name in "cd":
            kept = self.fleet.redis.lrange(self.fleet.keys.conversation("default", name), 0, -1)
            assert len(kept) == len(set(kept)), "a turn was kept twice"
        self.fleet.redis.delete("nothing", *(self.fleet.keys.prefix + name for name in names))
        self.fleet.close()


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

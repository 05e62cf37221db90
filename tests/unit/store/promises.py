"""What has to hold of a store, whatever was asked of it: looked at from outside, with oracles of its own."""

import itertools
import json
import time
from collections import Counter
from typing import Any

from embedded.scripted.fleet import ENDINGS, Fleet
from llamaq import Job
from llamaq.store.fleet import LIVE_SECONDS

SLOTS, MAX_MODELS = 2, 1
MODELS = ("a:latest", "b:latest")
HOSTS = ("alpha", "beta")
LANES = ("interactive", "normal", "batch")
RUNNERS = ("", "num_ctx=2048")


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

    def check_kept_away(self, before: "Seen", failed: dict[str, set[str]]) -> None:
        """No job got a slot where it has failed while another host could have it, before the step and after it."""
        for job_id, host, _ in self.given_slots() - before.given_slots():
            model = self.records[job_id]["model"]
            others = before.hosts_for(model) & self.hosts_for(model) - failed.get(job_id, set())
            assert host not in failed.get(job_id, ()) or not others, (job_id, host)

    def given_slots(self) -> set[tuple[str, str, int]]:
        """Who holds a slot where, and after how many attempts it was given."""
        return {
            (job_id, host, int(self.records[job_id]["attempt"]) - (self.records[job_id]["lease"] == "claimed"))
            for host, slots in self.held.items()
            for job_id in slots.keys() & self.records.keys()
        }

    def hosts_for(self, model: str) -> set[str]:
        """The live hosts that have a model and are not paused."""
        return {host for host in self.offers[model][1] & set(self.live) if f"host:{host}" not in self.paused}

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

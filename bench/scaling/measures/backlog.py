"""The cost of a submit, a claim and an end where few or many jobs wait, of one tenant or of many.

The workers are calls of the store: nothing but Redis is measured. Every backlog has a prefix of its own in one
Redis, and they are measured in turn, round by round, so that other load of the machine affects all alike.
"""

import itertools
import time
import uuid
from dataclasses import dataclass

from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.scaling.fleet.redis_use import Cost, measure_cost
from bench.scaling.plan import Plan
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet, Message, make_outcome
from llamaq import GenerateRequest

MOST_QUEUED = 10_000_000
PAGE = 5_000
PROMPT = "Explain entanglement to a child of ten, in three sentences."


@dataclass
class Backlog:
    """A backlog of constant size, since as many jobs end as are submitted."""

    fleet: Fleet
    size: int
    tenants: int
    assigned: list[Message]

    @property
    def name(self) -> str:
        """The path in `Results`."""
        return f"{self.tenants}/{self.size}"


def measure(plan: Plan, results: Results) -> None:
    """Fill all backlogs, then measure them in turn."""
    with EmbeddedRedis.start() as redis:
        backlogs = [_fill(redis.url, size, tenants) for size in plan.backlogs for tenants in plan.tenants]
        for _ in range(plan.rounds):
            note_quiet(results)
            for backlog in backlogs:
                _turn(backlog, plan, results)
        for backlog in backlogs:
            backlog.fleet.close()


def _fill(url: str, size: int, tenants: int) -> Backlog:
    fleet = Fleet(url, uuid.uuid4().hex, max_queued=MOST_QUEUED)
    names = itertools.cycle(_names(tenants))
    for at in range(0, size, PAGE):
        fleet.queue.submit_many([_request(next(names)) for _ in range(min(PAGE, size - at))])
    return Backlog(fleet, size, tenants, [])


def _turn(backlog: Backlog, plan: Plan, results: Results) -> None:
    fleet = backlog.fleet
    store = fleet.add_host()  # a host that was silent for 15 s would get no jobs
    backlog.assigned += fleet.take_messages()
    names, ids = itertools.cycle(_names(backlog.tenants)), []
    claims, ends = [], []

    def submit() -> None:
        ids.append(fleet.queue.generate(MODEL, PROMPT, tenant=next(names)).id)

    def turn() -> None:
        began = time.perf_counter()
        claimed = store.claim(backlog.assigned.pop(0).job_id)
        claims.append((time.perf_counter() - began) * 1000)
        assert claimed is not None, "the job was assigned, and nobody else is there"
        began = time.perf_counter()
        store.complete(claimed, make_outcome())
        ends.append((time.perf_counter() - began) * 1000)
        backlog.assigned += fleet.take_messages()

    _note(results, "submit", backlog.name, measure_cost(fleet.redis, plan.cycles, submit))
    _note(
        results,
        "status",
        backlog.name,
        measure_cost(fleet.redis, plan.cycles, lambda: fleet.queue.job(ids[-1]).status()),
    )
    _note(results, "turn", backlog.name, measure_cost(fleet.redis, plan.cycles, turn))
    results.add("claim_ms", backlog.name, percentile(claims, 50))
    results.add("finish_ms", backlog.name, percentile(ends, 50))


def _note(results: Results, name: str, backlog: str, found: Cost) -> None:
    results.add(f"{name}_ms", backlog, found.milliseconds)
    results.add(f"{name}_us", backlog, found.redis_us)


def _request(tenant: str) -> GenerateRequest:
    return GenerateRequest(model=MODEL, prompt=PROMPT, tenant=tenant)


def _names(tenants: int) -> list[str]:
    return [f"tenant-{number}" for number in range(tenants)]

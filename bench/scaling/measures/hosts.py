"""The cost of calls with few or many hosts, all busy with one model, which is the scheduler's worst case."""

import uuid

from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.scaling.fleet.redis_use import Cost, measure_cost
from bench.scaling.plan import Plan
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import LEASE_SECONDS, MODEL, Fleet, make_outcome
from llamaq import GenerateRequest

SLOTS = 4
CALLS = 20
LEASE_LEFT_SECONDS = LEASE_SECONDS - 2
"""Of leases. Longer ones, and reports of the future, would be taken for a clock that was set back, and corrected."""
MOST_QUEUED = 10_000_000


def measure(plan: Plan, results: Results) -> None:
    """Measure each number of hosts in turn, round by round."""
    with EmbeddedRedis.start() as redis:
        for _ in range(plan.host_rounds):
            note_quiet(results)
            for count in plan.hosts:
                fleet = Fleet(redis.url, uuid.uuid4().hex, max_queued=MOST_QUEUED)
                _turn(fleet, count, results)
                fleet.redis.flushdb()
                fleet.close()


def _turn(fleet: Fleet, count: int, results: Results) -> None:
    names = [f"host-{number}" for number in range(count)]
    # The jobs come first: while no host is known, a submit does not look at hosts.
    fleet.queue.submit_many([GenerateRequest(model=MODEL, prompt="x")] * (count * SLOTS + 2 * CALLS))
    stores = {name: fleet.add_host(name, slots=SLOTS) for name in names}
    _keep(fleet, names)
    assigned = fleet.take_messages()

    def turn() -> None:
        message = assigned.pop()
        store = stores[message.host]
        claimed = store.claim(message.job_id)
        assert claimed is not None, f"{message} cannot be claimed"
        store.complete(claimed, make_outcome())
        assigned.extend(fleet.take_messages(message.host))

    _note(results, "submit", count, measure_cost(fleet.redis, CALLS, fleet.submit))
    _note(results, "turn", count, measure_cost(fleet.redis, CALLS, turn))
    _note(results, "report", count, measure_cost(fleet.redis, CALLS, lambda: fleet.add_host(names[0], slots=SLOTS)))
    _keep(fleet, names)
    _note(results, "rescue", count, measure_cost(fleet.redis, CALLS, stores[names[0]].reap))


def _keep(fleet: Fleet, names: list[str]) -> None:
    """Renew the reports and leases, which on a slow machine would expire meanwhile."""
    seconds, _ = fleet.redis.time()
    fleet.redis.zadd(fleet.keys.hosts(), dict.fromkeys(names, seconds))
    fleet.redis.zadd(fleet.keys.leases(), dict.fromkeys(fleet.leases(), seconds + LEASE_LEFT_SECONDS))


def _note(results: Results, name: str, count: int, found: Cost) -> None:
    results.add(f"hosts_{name}_ms", str(count), found.milliseconds)
    results.add(f"hosts_{name}_us", str(count), found.redis_us)

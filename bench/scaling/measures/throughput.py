"""The throughput and the costs by the size of the fleet: with long jobs, with instant jobs, and idle."""

import time

from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.scaling.fleet.redis_use import read_use
from bench.scaling.fleet.workers import WorkerFleet, start_worker_fleet
from bench.scaling.plan import Plan


def measure(plan: Plan, results: Results) -> None:
    """Measure from the smallest fleet to the largest."""
    with start_worker_fleet(plan.slots) as on:
        for size in plan.sizes:
            on.grow(size)
            if size in (plan.sizes[0], plan.sizes[-1]):
                _idle(plan, results, on, str(size))
            for _ in range(plan.long_rounds):
                note_quiet(results)
                on.script(first_token_seconds=plan.job_seconds, count=1)
                _play("long", on.slots * plan.jobs_per_slot, results, on, str(size))
            on.script(count=1)
            _play("flood", plan.flood * size, results, on, str(size))


def _play(name: str, jobs: int, results: Results, on: WorkerFleet, size: str) -> None:
    before, use, watch = on.count_requests(), read_use(on.redis), on.watch()
    on.play(jobs)
    load, used = watch.load(), read_use(on.redis).since(use)
    results.add(f"{name}_per_second", size, jobs / on.seconds_of(before))
    results.add(f"{name}_cores", size, load.cores)
    results.add(f"{name}_machine", size, load.machine * 100)
    results.add(f"{name}_worker_us", size, load.seconds["workers"] / jobs * 1e6)
    results.add(f"{name}_redis_us", size, used.cpu_seconds / jobs * 1e6)


def _idle(plan: Plan, results: Results, on: WorkerFleet, size: str) -> None:
    use, watch = read_use(on.redis), on.watch()
    time.sleep(plan.idle_seconds)
    load, now = watch.load(), read_use(on.redis)
    used = now.since(use)
    results.add("idle_commands", size, used.commands / used.seconds)
    results.add("idle_reads", size, used.reads / used.seconds)
    results.add("idle_redis_us", size, used.cpu_seconds / used.seconds * 1e6)
    results.add("idle_worker_percent", size, load.seconds["workers"] / int(size) / used.seconds * 100)
    results.add("idle_clients", size, now.clients)

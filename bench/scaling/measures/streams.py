"""Redis' cost of a job and of a token: commands, CPU time, memory, bytes on disk and on the wire."""

import time
from collections.abc import Callable
from threading import Thread

from bench.figures.results import Results
from bench.scaling.fleet.redis_use import RedisUse, read_use
from bench.scaling.fleet.workers import REQUEST, WorkerFleet, start_worker_fleet
from bench.scaling.plan import RATE, Plan
from llamaq.store.keys import Keys

DEFAULT, JOINED, READ = "20", "200", "read"
"""Milliseconds of `LLAMAQ_FLUSH_MS`; and the first again, with a reader of the SDK for each job."""
_KEYS = Keys("llamaq")


def measure(plan: Plan, results: Results) -> None:
    """Measure jobs of one token, then jobs of many. The difference is the cost of the tokens."""
    for flush in (DEFAULT, JOINED):
        with start_worker_fleet(plan.streams, FLUSH_MS=flush) as on:
            on.grow(1)
            _run(plan, results, on, flush)


def _run(plan: Plan, results: Results, on: WorkerFleet, flush: str) -> None:
    idle = _measure_use(on, lambda: time.sleep(plan.idle_seconds))
    on.script(count=1)
    played: list[str] = []
    job = _measure_use(on, lambda: played.extend(on.play(plan.short))).without(idle)
    if flush == DEFAULT:
        _note_job(results, on, job, played)
    on.script(count=plan.tokens, rate=RATE)
    _note_tokens(plan, results, on, (idle, job), flush)
    if flush == DEFAULT:
        _note_readers(plan, results, on, (idle, job))


def _measure_use(on: WorkerFleet, work: Callable[[], object]) -> RedisUse:
    before = read_use(on.redis)
    work()
    return read_use(on.redis).since(before)


def _note_job(results: Results, on: WorkerFleet, used: RedisUse, played: list[str]) -> None:
    count = len(played)
    results.add("job_commands", DEFAULT, used.commands / count)
    results.add("job_reads", DEFAULT, used.reads / count)
    results.add("job_redis_us", DEFAULT, used.cpu_seconds / count * 1e6)
    results.add("job_file_bytes", DEFAULT, used.file_bytes / count)
    results.add("job_bytes", DEFAULT, _count_bytes(on, played) / count)


def _note_tokens(plan: Plan, results: Results, on: WorkerFleet, shared: tuple[RedisUse, RedisUse], flush: str) -> None:
    played: list[str] = []
    watch = on.watch()
    used = _measure_use(on, lambda: played.extend(on.play(plan.streams)))
    tokens = plan.streams * (plan.tokens - 1)
    extra = _subtract(used, *shared, plan)
    deltas = sum(on.redis.xlen(_KEYS.events(job_id)) - 3 for job_id in played)  # queued, started and completed
    results.add("token_commands", flush, extra.commands / tokens)
    results.add("token_reads", flush, extra.reads / tokens)
    results.add("token_redis_us", flush, extra.cpu_seconds / tokens * 1e6)
    results.add("token_worker_us", flush, watch.load().seconds["workers"] / tokens * 1e6)
    results.add("token_deltas", flush, deltas / tokens)
    results.add("token_file_bytes", flush, extra.file_bytes / tokens)


def _note_readers(plan: Plan, results: Results, on: WorkerFleet, shared: tuple[RedisUse, RedisUse]) -> None:
    clients: list[float] = []
    used = _measure_use(on, lambda: clients.append(_read(plan, on)))
    tokens = plan.streams * (plan.tokens - 1)
    extra = _subtract(used, *shared, plan)
    results.add("token_redis_us", READ, extra.cpu_seconds / tokens * 1e6)
    results.add("token_commands", READ, extra.commands / tokens)
    results.add("token_reads", READ, extra.reads / tokens)
    results.add("token_sent_bytes", READ, extra.sent_bytes / tokens)
    results.add("reader_clients", READ, clients[0] / plan.streams)


def _subtract(used: RedisUse, idle: RedisUse, job: RedisUse, plan: Plan) -> RedisUse:
    """Compute the cost of the tokens: without that of an idle fleet, and of as many jobs of one token."""
    share = plan.streams / plan.short
    return RedisUse(*(mine - share * theirs for mine, theirs in zip(used.without(idle), job, strict=True)))


def _read(plan: Plan, on: WorkerFleet) -> float:
    """Follow each job with a reader of its own; returns the number of connections that this opens."""
    before = read_use(on.redis).clients
    jobs = on.queue.submit_many([REQUEST] * plan.streams)
    readers = [Thread(target=lambda job=job: [None for _ in job.events()]) for job in jobs]
    for reader in readers:
        reader.start()
    time.sleep(plan.tokens / RATE / 2)
    opened = read_use(on.redis).clients - before
    for reader in readers:
        reader.join()
    return opened


def _count_bytes(on: WorkerFleet, played: list[str]) -> float:
    """Count the bytes of the records and logs."""
    keys = [key for job_id in played for key in (_KEYS.record(job_id), _KEYS.events(job_id))]
    return float(sum(on.redis.memory_usage(key, samples=0) for key in keys))

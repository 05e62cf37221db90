"""Many answers at a time: latency, throughput, and CPU time per token."""

import json
import subprocess
import sys
import time
from typing import Any

from bench.environment.services import MODEL, Services, start_services
from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.figures.usage import Meter, pss_megabytes
from bench.measures import peers
from bench.paths import Addresses
from bench.plan import RATE, Plan

MAX_WAIT_SECONDS = 60.0
SETTLE_SECONDS = 0.5


def measure(plan: Plan, results: Results) -> None:
    """Measure every path in turn, in every round."""
    with start_services(plan.streams, peers.pythons(results) if plan.peers else {}) as on:
        peers.warm(on)
        on.host.script(stamp=True, count=plan.tokens, rate=RATE, times=None)
        for _ in range(plan.rounds):
            note_quiet(results)
            for name in peers.paths(on):
                _turn(name, on, plan, results)
                time.sleep(SETTLE_SECONDS)


def _turn(name: str, on: Services, plan: Plan, results: Results) -> None:
    worker = on.worker_of(name)
    addresses = Addresses(on.redis.url, on.host.url, MODEL)
    command = [sys.executable, "-m", "bench.consumer", name, str(plan.streams), *addresses]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as consumer:
        try:
            saw = _run_watched(consumer, on, worker.pid if worker else None, plan, results, name)
        finally:
            consumer.kill()
    _note(saw, name, plan, results)


def _run_watched(
    consumer: "subprocess.Popen[str]", on: Services, pid: int | None, plan: Plan, results: Results, name: str
) -> dict[str, Any]:
    _await_ready(consumer)
    meter = Meter(on.redis.url, pid)
    _send(consumer, "go")
    time.sleep(plan.tokens / RATE / 2)
    if pid is not None:
        results.add("pss_mb", name, pss_megabytes(pid))
    saw: dict[str, Any] = json.loads(consumer.communicate(timeout=MAX_WAIT_SECONDS)[0])
    tokens = len(saw["latencies"])
    if pid is not None:
        results.add("worker_us", name, meter.worker() / tokens * 1e6)
        results.add("redis_us", name, meter.redis() / tokens * 1e6)
    meter.close()
    return saw


def _await_ready(consumer: "subprocess.Popen[str]") -> None:
    assert consumer.stdout is not None, "a pipe was asked for"
    if consumer.stdout.readline() != "ready\n":
        raise RuntimeError("the consumer has ended; its error is on standard error")


def _send(consumer: "subprocess.Popen[str]", word: str) -> None:
    assert consumer.stdin is not None, "a pipe was asked for"
    consumer.stdin.write(f"{word}\n")
    consumer.stdin.flush()


def _note(saw: dict[str, Any], name: str, plan: Plan, results: Results) -> None:
    latencies, tokens = saw["latencies"], len(saw["latencies"])
    results.add("token_p50_ms", name, percentile(latencies, 50))
    results.add("token_p99_ms", name, percentile(latencies, 99))
    middle = latencies[tokens // 4 : tokens * 3 // 4]  # in the order of arrival: no job starts or ends meanwhile
    results.add("steady_p50_ms", name, percentile(middle, 50))
    results.add("steady_p99_ms", name, percentile(middle, 99))
    results.add("tokens_per_second", name, tokens / saw["seconds"])
    results.add("delivered", name, tokens / (plan.tokens * plan.streams))
    results.add("consumer_us", name, saw["cpu_seconds"] / tokens * 1e6)
    results.keep(name, latencies)

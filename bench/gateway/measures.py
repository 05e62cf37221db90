"""What is measured. Each takes a plan and the results to add to."""

import json
import subprocess
import sys
import time
from functools import partial
from typing import Any

from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.figures.usage import Meter, pss_megabytes
from bench.gateway.plan import Plan
from bench.gateway.services import PATHS, Services, services
from bench.paths import PATHS as READERS
from bench.paths import Path
from bench.readers.threads import in_threads

RATE = 50
"""Tokens per second of one stream."""
PAUSE_SECONDS = 0.01
SETTLE_SECONDS = 0.5
MAX_WAIT_SECONDS = 180.0
SHORT_AT_A_TIME = 16
SLOTS = 4
HOSTS = 2
"""For the crowd: one worker has at most 1000 slots."""
MILLISECOND = 1e6


def first_token(plan: Plan, results: Results) -> None:
    """The time to the first token, one request at a time; the median of the direct path is subtracted."""
    with services(SLOTS) as on:
        on.script(stamp=True, count=3, rate=500, times=None)
        paths = {name: READERS[reader](on.addresses(name)) for name, reader in PATHS.items()}
        for path in paths.values():
            path.first()
        for _ in range(plan.rounds):
            note_quiet(results)
            took: dict[str, list[float]] = {name: [] for name in paths}
            for _ in range(plan.firsts):
                for name, path in paths.items():
                    time.sleep(PAUSE_SECONDS)
                    first = path.first()
                    took[name].append((first.received - first.asked) / MILLISECOND)
            for name, values in took.items():
                results.add("first_p50_ms", name, percentile(values, 50) - percentile(took["direct"], 50))
                results.add("first_p99_ms", name, percentile(values, 99) - percentile(took["direct"], 50))
        for path in paths.values():
            path.close()


def streams(plan: Plan, results: Results) -> None:
    """Many answers at a time: latency per token, and the gateway's CPU time for one."""
    with services(plan.streams) as on:
        for name in PATHS:
            on.script(stamp=True, count=1, times=None)
            READERS[PATHS[name]](on.addresses(name)).first()
        on.script(stamp=True, count=plan.tokens, rate=RATE, times=None)
        for _ in range(plan.rounds):
            note_quiet(results)
            for name, reader in PATHS.items():
                meter = Meter(on.redis.url, on.gateway.pid)
                command = [sys.executable, "-m", "bench.consumer", reader, str(plan.streams), *on.addresses(name)]
                saw = _run(command)
                tokens = len(saw["latencies"])
                results.add("token_p50_ms", name, percentile(saw["latencies"], 50))
                results.add("token_p99_ms", name, percentile(saw["latencies"], 99))
                results.add("delivered", name, tokens / (plan.tokens * plan.streams))
                if name == "gateway":
                    results.add("gateway_us", name, meter.worker() / tokens * 1e6)
                meter.close()
                time.sleep(SETTLE_SECONDS)


def short(plan: Plan, results: Results) -> None:
    """Answers of one token, some at a time: requests per second."""
    with services(SHORT_AT_A_TIME) as on:
        on.script(stamp=True, count=1, times=None)
        for _ in range(plan.rounds):
            note_quiet(results)
            for name, reader in PATHS.items():
                path = READERS[reader](on.addresses(name))
                path.first()
                each = plan.short // SHORT_AT_A_TIME
                began = time.monotonic()
                in_threads(SHORT_AT_A_TIME, partial(_ask, path, each))
                results.add("short_per_second", name, each * SHORT_AT_A_TIME / (time.monotonic() - began))
                path.close()
                time.sleep(SETTLE_SECONDS)


def _ask(path: Path, times: int) -> None:
    for _ in range(times):
        path.first()


def crowd(plan: Plan, results: Results) -> None:
    """Many open streams in one gateway, beside readers that read nothing."""
    with services((plan.crowd + plan.slow) // HOSTS + 1, HOSTS) as on:
        on.script(stamp=True, count=1, times=None)
        READERS["direct"](on.addresses("gateway")).first()
        results.add("idle_pss_mb", "gateway", pss_megabytes(on.gateway.pid))
        on.script(stamp=True, count=plan.crowd_tokens, rate=plan.crowd_rate, times=None)
        _crowd(on, plan, results)


def _crowd(on: Services, plan: Plan, results: Results) -> None:
    counts = (plan.crowd, plan.slow, plan.crowd_firsts)
    saw = _run([
        sys.executable, "-m", "bench.gateway.crowd", str(on.port), on.addresses("gateway").model,
        str(on.gateway.pid), *map(str, counts),
    ])  # fmt: skip
    results.add("crowd_us", "gateway", saw["cpu_seconds"] / max(1, saw["steady"]) * 1e6)
    results.add("crowd_pss_mb", "gateway", saw["pss_mb"])
    results.add("crowd_p50_ms", "gateway", percentile(saw["latencies"], 50))
    results.add("crowd_p99_ms", "gateway", percentile(saw["latencies"], 99))
    results.add("crowd_first_p50_ms", "gateway", percentile(saw["firsts"], 50))
    results.add("crowd_whole", "gateway", saw["whole"] / plan.crowd)


def _run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        command, input="go\n", stdout=subprocess.PIPE, text=True, timeout=MAX_WAIT_SECONDS, check=True
    )
    saw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return saw

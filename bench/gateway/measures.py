"""What is measured. Each takes a plan and the results to add to."""

import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.figures.usage import Meter, pss_megabytes
from bench.gateway.plan import Plan
from bench.gateway.rivals import RIVALS, found
from bench.gateway.services import Services, services
from bench.paths import Path as Reading
from bench.readers.threads import run_in_threads

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
    """Measure the time to the first token, one request at a time; the median of the direct path is subtracted."""
    with services(SLOTS, rivals=_rivals(plan, results)) as on:
        on.script(stamp=True, count=3, rate=500, times=None)
        paths = {name: on.path(name) for name in on.readers}
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
    """Measure many answers at a time: latency per token, and the CPU time of the proxy for one."""
    with services(plan.streams, rivals=_rivals(plan, results)) as on:
        for name in on.readers:
            on.script(stamp=True, count=1, times=None)
            on.path(name).first()
        on.script(stamp=True, count=plan.tokens, rate=RATE, times=None)
        for _ in range(plan.rounds):
            note_quiet(results)
            for name, reader in on.readers.items():
                proxy = on.proxy(name)
                meter = Meter(on.redis.url, proxy.pid if proxy else None)
                command = [sys.executable, "-m", "bench.consumer", reader, str(plan.streams), *on.addresses(name)]
                saw = _run(command)
                tokens = len(saw["latencies"])
                results.add("token_p50_ms", name, percentile(saw["latencies"], 50))
                results.add("token_p99_ms", name, percentile(saw["latencies"], 99))
                results.add("tokens_per_second", name, tokens / saw["seconds"])
                if proxy:
                    results.add("proxy_us", name, meter.worker() / tokens * 1e6)
                    results.add("proxy_pss_mb", name, pss_megabytes(proxy.pid))
                meter.close()
                time.sleep(SETTLE_SECONDS)


def short(plan: Plan, results: Results) -> None:
    """Measure answers of one token, some at a time: requests per second."""
    with services(SHORT_AT_A_TIME, rivals=_rivals(plan, results)) as on:
        on.script(stamp=True, count=1, times=None)
        for _ in range(plan.rounds):
            note_quiet(results)
            for name in on.readers:
                path = on.path(name)
                path.first()
                each = plan.short // SHORT_AT_A_TIME
                began = time.monotonic()
                run_in_threads(SHORT_AT_A_TIME, partial(_ask, path, each))
                results.add("short_per_second", name, each * SHORT_AT_A_TIME / (time.monotonic() - began))
                path.close()
                time.sleep(SETTLE_SECONDS)


def _rivals(plan: Plan, results: Results) -> dict[str, Path]:
    """Find the Python of each rival that runs here, by name; `results.about` has the versions, and why some do not."""
    tried = {rival.name: found(rival) for rival in RIVALS} if plan.rivals else {}
    results.about["rivals"] = {name: one.what for name, one in tried.items()}
    return {name: one.python for name, one in tried.items() if one.python is not None}


def _ask(path: Reading, times: int) -> None:
    for _ in range(times):
        path.first()


def crowd(plan: Plan, results: Results) -> None:
    """Measure many open streams in one gateway, beside readers that read nothing."""
    with services((plan.crowd + plan.slow) // HOSTS + 1, HOSTS) as on:
        on.script(stamp=True, count=1, times=None)
        on.path("gateway").first()
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

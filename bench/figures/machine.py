"""Describes the machine and its load."""

import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.figures.results import Results
from embedded.redis import EmbeddedRedis

_SPINS = 400_000


def describe() -> dict[str, Any]:
    """Describe the hardware, versions, and the load before anything was started."""
    with EmbeddedRedis.start() as redis:
        kind = redis.kind
    return {
        "day": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "redis": kind,
        "packages": {name: version(name) for name in ("celery", "redis", "requests", "urllib3")},
        "load": load(),
    }


def load() -> float:
    """The processes that run or could, over the last minute."""
    return round(os.getloadavg()[0], 2)


def note_quiet(results: Results) -> None:
    """Time a constant piece of work: where the times vary, other processes used the machine."""
    began = time.perf_counter()
    for _ in range(_SPINS):
        pass
    results.add("spin_ms", "machine", (time.perf_counter() - began) * 1000)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} ({sys.platform})"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")

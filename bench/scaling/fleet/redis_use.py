"""The work of Redis from its own statistics, and the cost of calls."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.figures.spread import percentile


class RedisUse(NamedTuple):
    """Totals since the start of Redis, or their differences.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of the processor.
        commands: executed, those inside scripts too.
        reads: packets read from clients: about round trips, since a pipeline is one.
        memory: bytes in use.
        clients: connections that are open.
        file_bytes: of the append-only file.
        sent_bytes: to clients.
    """

    seconds: float
    cpu_seconds: float
    commands: float
    reads: float
    memory: float
    clients: float
    file_bytes: float
    sent_bytes: float

    def since(self, before: "RedisUse") -> "RedisUse":
        """The difference to earlier totals."""
        return RedisUse(*(now - then for now, then in zip(self, before, strict=True)))

    def without(self, idle: "RedisUse") -> "RedisUse":
        """The work without that of an idle fleet in the same time."""
        share = self.seconds / idle.seconds
        return RedisUse(*(mine - share * theirs for mine, theirs in zip(self, idle, strict=True)))


def read_use(client: Any) -> RedisUse:
    """Ask Redis. These requests are not counted among the commands."""
    told = client.info("all")
    stats = {name: numbers for name, numbers in told.items() if name.startswith("cmdstat_") and name != "cmdstat_info"}
    return RedisUse(
        seconds=time.monotonic(),
        cpu_seconds=told["used_cpu_user"] + told["used_cpu_sys"],
        commands=sum(numbers["calls"] for numbers in stats.values()),
        reads=told["total_reads_processed"],
        memory=told["used_memory"],
        clients=told["connected_clients"],
        file_bytes=told["aof_current_size"],
        sent_bytes=told["total_net_output_bytes"],
    )


class Cost(NamedTuple):
    """Of one call.

    Attributes:
        milliseconds: the caller's wait, in the middle of all calls.
        redis_us: processor time of Redis, microseconds.
    """

    milliseconds: float
    redis_us: float


def measure_cost(client: Any, times: int, call: Callable[[], object]) -> Cost:
    """Measure the cost of a call that is made so many times."""
    waits, before = [], _cpu_seconds(client)
    for _ in range(times):
        began = time.perf_counter()
        call()
        waits.append((time.perf_counter() - began) * 1000)
    return Cost(percentile(waits, 50), (_cpu_seconds(client) - before) / times * 1e6)


def _cpu_seconds(client: Any) -> float:
    # Only this section: all sections take Redis as long as some calls of a script.
    told = client.info("cpu")
    return float(told["used_cpu_user"] + told["used_cpu_sys"])

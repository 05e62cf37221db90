"""Measures the CPU seconds of processes and of Redis over a period."""

from typing import Any

import redis

from bench.environment.workers import process_tree

MEGABYTE = 1_000_000


class Meter:
    """Starts when it is created. Redis reports its use in microseconds, the kernel that of a process in 10 ms."""

    def __init__(self, redis_url: str, pid: int | None) -> None:
        self._redis: Any = redis.Redis.from_url(redis_url)
        self._pid = pid
        self._redis_at = self._redis_seconds()
        self._worker_at = self._worker_seconds()

    def redis(self) -> float:
        """CPU seconds that Redis has used since."""
        return self._redis_seconds() - self._redis_at

    def worker(self) -> float:
        """CPU seconds that the process and those that it started have used since; 0 without one."""
        return self._worker_seconds() - self._worker_at

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _redis_seconds(self) -> float:
        told = self._redis.info("cpu")
        return float(told["used_cpu_user"] + told["used_cpu_sys"])

    def _worker_seconds(self) -> float:
        if self._pid is None:
            return 0.0
        used = [one.cpu_times() for one in process_tree(self._pid)]
        return float(sum(times.user + times.system for times in used))


def pss_megabytes(pid: int) -> float:
    """The memory of a process and of those that it started (PSS), with their part of shared pages."""
    return float(sum(one.memory_full_info().pss for one in process_tree(pid))) / MEGABYTE

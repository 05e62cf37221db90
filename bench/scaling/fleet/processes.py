"""Processor time of groups of processes, and of the whole machine."""

import os
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import psutil


class Load(NamedTuple):
    """The CPU time of a period.

    Attributes:
        seconds: CPU seconds of each group.
        cores: what all groups together used, in cores.
        machine: the share of the whole machine that was in use, by whomever.
    """

    seconds: dict[str, float]
    cores: float
    machine: float


class Timers:
    """Starts when it is created. This process is a group of its own, `bench`."""

    def __init__(self, groups: Mapping[str, Iterable[int]]) -> None:
        named = {**groups, "bench": [os.getpid()]}
        self._groups = {name: [psutil.Process(pid) for pid in pids] for name, pids in named.items()}
        self._before = self._seconds()
        self._machine = psutil.cpu_times()
        self._began = time.monotonic()

    def load(self) -> Load:
        """The CPU time since it was created."""
        now = self._seconds()
        used = {name: now[name] - self._before[name] for name in now}
        return Load(used, sum(used.values()) / (time.monotonic() - self._began), self._in_use())

    def _seconds(self) -> dict[str, float]:
        times = {name: [process.cpu_times() for process in group] for name, group in self._groups.items()}
        return {name: sum(one.user + one.system for one in group) for name, group in times.items()}

    def _in_use(self) -> float:
        now = psutil.cpu_times()
        spent = {name: getattr(now, name) - getattr(self._machine, name) for name in now._fields}
        whole = sum(spent.values())
        return 1 - (spent["idle"] + spent.get("iowait", 0.0)) / whole if whole > 0 else 0.0

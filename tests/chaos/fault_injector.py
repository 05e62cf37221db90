"""Carries the plan out: each fault at its time, and its end when it is over."""

import heapq
import itertools
import json
import random
import time
import uuid
from collections.abc import Callable, Sequence

from celery import Celery
from redis.exceptions import RedisError

from tests.chaos.fleet import HOST_OF_WORKER, HOSTS, Fleet
from tests.chaos.plan import Step, What

DOUBLES = 3
GARBAGE = ["not json", "{}", "[1]", json.dumps({"body": "!!!", "properties": {}})]


class FaultInjector:
    """One run's faults. What is down already is not hurt again before it is back."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet = fleet
        self._chance = random.Random(f"injected faults {seed}")
        self._celery = Celery("somebody", broker=fleet.url, set_as_current=False)
        self._celery.conf.update(task_ignore_result=True, broker_transport_options={"socket_timeout": 5})
        self._ends: list[tuple[float, int, str, Callable[[], None]]] = []
        self._number = itertools.count()
        self._down: set[str] = set()

    def run(self, steps: Sequence[Step]) -> None:
        """Do all of it, and mend what is still broken at the end."""
        began = time.monotonic()
        for step in steps:
            self._wait(began + step.at)
            self._take(step)
        while self._ends:
            self._wait(self._ends[0][0])
            self._mend()
        self._celery.close()

    def _wait(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            self._mend()
            due = self._ends[0][0] - time.monotonic() if self._ends else left
            time.sleep(max(0.0, min(left, due)))
        self._mend()

    def _mend(self) -> None:
        while self._ends and self._ends[0][0] <= time.monotonic():
            _, _, name, end = heapq.heappop(self._ends)
            end()
            self._down.discard(name)

    def _end_later(self, seconds: float, name: str, end: Callable[[], None]) -> None:
        self._down.add(name)
        heapq.heappush(self._ends, (time.monotonic() + seconds, next(self._number), name, end))

    def _take(self, step: Step) -> None:
        worker, host = step.target % len(HOST_OF_WORKER), step.target % len(HOSTS)
        name = name_target(step)
        if name in self._down and step.what in self._fleet.injected.counts:
            return
        while name in self._down:  # each kind comes about once at least
            self._wait(self._ends[0][0])
        end = self._begin(step, worker, host)
        if end is not None:
            self._end_later(step.seconds, name, end)
        self._fleet.injected.count(step.what)

    def _begin(self, step: Step, worker: int, host: int) -> Callable[[], None] | None:
        """Do it; what is returned ends it, where it lasts."""
        fleet = self._fleet
        begin: dict[What, Callable[[], Callable[[], None] | None]] = {
            "kill": lambda: fleet.kill_worker(worker),
            "stop": lambda: fleet.stop_worker(worker),
            "freeze": lambda: fleet.freeze(worker),
            "silent": lambda: fleet.silence(worker),
            "redis_kill": lambda: fleet.end_redis("kill"),
            "redis_shut_down": lambda: fleet.end_redis("shut_down"),
            "cut": fleet.cut_connections,
            "rewind": fleet.rewind_redis,
            "readonly": fleet.swap_redis,
            "clock_back": lambda: fleet.set_clock(step.clock_offset_seconds),
            "clock_forward": lambda: fleet.set_clock(step.clock_offset_seconds),
            "host_kill": lambda: fleet.kill_host(host),
            "double": self._send_doubles,
            "garbage": self._send_garbage,
        }
        return begin[step.what]()

    def _send_doubles(self) -> None:
        """Send the message again of a few jobs, at either host."""
        try:
            jobs = self._fleet.redis.zrevrange(self._fleet.keys.jobs(), 0, 20)
        except RedisError:
            return  # cut in the very moment; a message less
        for job_id in self._chance.sample(jobs, min(DOUBLES, len(jobs))):
            for host in HOSTS:
                queue = self._fleet.keys.host_queue(host)
                self._celery.send_task("llamaq.generate", args=[job_id], task_id=job_id, queue=queue)

    def _send_garbage(self) -> None:
        """Send something bad to a host, to the intake and to the inbox."""
        bad = self._chance.choice(GARBAGE)
        for queue in (self._fleet.keys.intake_queue(), self._fleet.keys.host_queue(self._chance.choice(HOSTS))):
            self._fleet.redis.lpush(queue, bad)
        self._fleet.redis.xadd(self._fleet.keys.inbox(), {"id": str(uuid.uuid4()), "kind": "generate", "request": bad})


def name_target(step: Step) -> str:
    """Name what is down while a fault lasts."""
    match step.what:
        case "kill" | "stop" | "freeze":
            return f"worker {step.target % len(HOST_OF_WORKER)}"
        case "silent":
            return f"connections of worker {step.target % len(HOST_OF_WORKER)}"
        case "host_kill":
            return f"host {step.target % len(HOSTS)}"
        case "clock_back" | "clock_forward":
            return "clock"
        case _:
            return "redis"

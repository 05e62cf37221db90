"""Many busy hosts on one Redis: submits, claims, first tokens, ends and reports at a given rate, by the real scripts.

There are no workers and no Ollama: threads make the calls of the workers, each for a part of the hosts, one by one and
not in pipelines. A job holds its slot for a random time. Enough jobs wait that each slot gets the next one at once.
"""

import heapq
import itertools
import json
import random
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.figures.machine import note_quiet
from bench.figures.results import Results
from bench.scaling.fleet.redis_use import read_use
from bench.scaling.plan import Plan
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import LEASE_SECONDS, MODEL, PATIENCE, Fleet, make_outcome
from llamaq import GenerateRequest
from llamaq.store.script_drivers import run
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import Flush, build_calls, make_renewal
from llamaq.vocabulary.wire import dump_members

PATH = "simulated"
SLOTS = 4
STATUS = '{"version":"0","models":[]}'
MODELS = (MODEL, *(f"other-{number}:latest" for number in range(4)))
THREADS = 4
REPORT_SECONDS = 5.0
POLL_SECONDS = 0.1
"""How soon a host is asked again that had no job for a slot."""
MOST_QUEUED = 10_000_000
STARTED_SECONDS = 120.0


def measure(plan: Plan, results: Results) -> None:
    """Fill all slots, and then watch Redis for a while."""
    note_quiet(results)
    with EmbeddedRedis.start() as redis:
        fleet = Fleet(redis.url, uuid.uuid4().hex, max_queued=MOST_QUEUED)
        names = [f"host-{number}" for number in range(plan.simulated_hosts)]
        mean = len(names) * SLOTS / plan.simulated_rate
        fleet.queue.submit_many([GenerateRequest(model=MODEL, prompt="x")] * (2 * SLOTS * len(names)))
        parts = [Part(fleet, names[number::THREADS], mean) for number in range(min(THREADS, len(names)))]
        over = threading.Event()
        with ThreadPoolExecutor(len(parts) + 2) as pool:
            try:
                running = [pool.submit(part.run, over) for part in parts]
                for part in parts:
                    part.filled.wait(STARTED_SECONDS)
                running += [pool.submit(_submits, fleet, plan, over), pool.submit(_reports, fleet, parts, over)]
                _watch(fleet, parts, plan, results)
            finally:
                over.set()
            for thread in running:
                thread.result()
        fleet.close()


class Following(list[ClaimedJob]):
    """Jobs that were claimed with the end of another one."""

    wanted = True

    def begin(self, job: ClaimedJob) -> None:
        """Keep one until its slot takes it."""
        self.append(job)


class Part:
    """Some of the hosts, with their workers' calls.

    Attributes:
        names: of the hosts.
        filled: set once each of their slots has a job.
        ended: how many of their jobs have ended.
        lost: how many of them lost their lease before, because this machine was too slow to renew it.
    """

    def __init__(self, fleet: Fleet, names: Sequence[str], mean_seconds: float) -> None:
        self.filled = threading.Event()
        self.ended = self.lost = 0
        self.names = names
        self._fleet = fleet
        self._stores = {name: fleet.open_store(name) for name in names}
        self._following = {name: Following() for name in names}
        for name, store in self._stores.items():
            store.direct = self._following[name]
        self._running: dict[str, dict[str, ClaimedJob]] = {name: {} for name in names}
        self._mean = mean_seconds
        self._due: list[tuple[float, int, str, ClaimedJob | None]] = []
        self._number = itertools.count()
        self._spans: list[tuple[float, float]] = []

    def run(self, over: threading.Event) -> None:
        """Take what is assigned, and end each job when its time has come."""
        for name in self._stores:
            self.report(name)
            for _ in range(SLOTS):
                self._take(name, random.random() * self._mean)
        self.filled.set()
        while not over.is_set():
            at, _, name, job = heapq.heappop(self._due)
            if at > time.monotonic() and over.wait(at - time.monotonic()):
                return
            following = None
            if job is not None:
                del self._running[name][job.id]
                well = self._stores[name].complete(job, make_outcome(), self._mean) == "ok"
                self.ended += well
                self.lost += not well
                following = self._following[name].pop() if self._following[name] else None
            self._take(name, random.uniform(0.5, 1.5) * self._mean, following)

    def report(self, name: str) -> None:
        """Report a host, and renew the leases of its jobs."""
        self._stores[name].report(SLOTS, 1, STATUS, MODELS, loaded=[MODEL], **PATIENCE)
        self._write([make_renewal(job, 1) for job in list(self._running[name].values())])

    def _write(self, flushes: Sequence[Flush]) -> None:
        """Write by the script, as a worker writes the first event of an attempt and renews leases."""
        for call in build_calls(self._fleet.keys, LEASE_SECONDS, flushes):
            run(self._fleet.redis, call)

    def busy_seconds(self, began: float, ended: float) -> float:
        """The slot seconds in use between the two times."""
        return sum(max(min(until, ended) - max(since, began), 0) for since, until in tuple(self._spans))

    def _take(self, name: str, seconds: float, job: ClaimedJob | None = None) -> None:
        """Begin the job that was claimed with the end of another one, or one that was assigned, if there is any."""
        if job is None and (text := self._fleet.redis.rpop(self._fleet.keys.host_queue(name))):
            job = self._stores[name].claim(json.loads(text)["headers"]["id"])
        now = time.monotonic()
        if job is None:
            heapq.heappush(self._due, (now + POLL_SECONDS, next(self._number), name, None))
            return
        self._running[name][job.id] = job
        self._write([make_renewal(job, 1)._replace(events=[(1, "delta", dump_members(text="x"))])])
        self._spans.append((now, now + seconds))
        heapq.heappush(self._due, (now + seconds, next(self._number), name, job))


def _submits(fleet: Fleet, plan: Plan, over: threading.Event) -> None:
    at = time.monotonic()
    while not over.wait(max(at - time.monotonic(), 0)):
        fleet.submit()
        at += 1 / plan.simulated_rate


def _reports(fleet: Fleet, parts: Sequence[Part], over: threading.Event) -> None:
    """Send the reports of all hosts, and run the rounds of the reaper, which one worker does each second."""
    hosts = [(part, name) for part in parts for name in part.names]
    leader, at = fleet.open_store(), time.monotonic()
    reap_at = at
    for part, name in itertools.cycle(hosts):
        if over.wait(max(at - time.monotonic(), 0)):
            return
        part.report(name)
        at += REPORT_SECONDS / len(hosts)
        if reap_at <= time.monotonic():
            leader.reap()
            reap_at += 1


def _watch(fleet: Fleet, parts: Sequence[Part], plan: Plan, results: Results) -> None:
    before, began, ended = read_use(fleet.redis), time.monotonic(), sum(part.ended for part in parts)
    time.sleep(plan.simulated_seconds)
    used, now = read_use(fleet.redis).since(before), time.monotonic()
    jobs = sum(part.ended for part in parts) - ended
    results.add("simulation_lost", PATH, sum(part.lost for part in parts))
    busy = sum(part.busy_seconds(began, now) for part in parts)
    results.add("simulation_jobs_per_second", PATH, jobs / used.seconds)
    results.add("simulation_redis_percent", PATH, used.cpu_seconds / used.seconds * 100)
    results.add("simulation_job_us", PATH, used.cpu_seconds / max(jobs, 1) * 1e6)
    results.add("simulation_slots_percent", PATH, busy / (now - began) / (plan.simulated_hosts * SLOTS) * 100)

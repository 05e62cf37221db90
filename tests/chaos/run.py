"""One run from beginning to end: traffic, faults, quiet, judgement."""

import threading
import time
from pathlib import Path

from tests.chaos.fault_injector import FaultInjector
from tests.chaos.fleet import HOSTS, LEASE_SECONDS, Fleet
from tests.chaos.invariants import TERMINAL, check_invariants, find_leftovers
from tests.chaos.plan import draw
from tests.chaos.report import Report
from tests.chaos.traffic import Producer, Sent, build_scripts

PRODUCERS = 4
QUIET_SECONDS = 120.0
"""Without the end of any job, once nothing goes wrong any more: what has not ended by then is stuck."""


def run(seconds: float, seed: int, logs: Path | None = None) -> Report:
    """Let traffic and faults loose for so many seconds, then wait for all jobs to end, and check the promises."""
    sent, stopping = Sent(), threading.Event()
    with Fleet(build_scripts, logs) as fleet:
        fleet.wait_ready()
        queues = [fleet.open_queue() for _ in range(PRODUCERS)]
        producers = [
            Producer(queue, f"producer {number} {seed}", sent, stopping) for number, queue in enumerate(queues)
        ]
        FaultInjector(fleet, seed).run(draw(seed, seconds))
        stopping.set()
        await_quiet(fleet)
        for producer in producers:
            producer.join()
        for name, host in zip(HOSTS, fleet.hosts, strict=True):
            fleet.observer.take(name, host, time.monotonic())
        findings = check_invariants(fleet, sent)
        for queue in queues:
            queue.close()
        return Report(seed, seconds, sent, fleet.injected, findings)


def await_quiet(fleet: Fleet) -> None:
    """Wait until all jobs have ended and nothing is left behind; what never comes about, the judgement tells."""
    limit = time.monotonic() + QUIET_SECONDS
    settled, ended = 0.0, 0
    while time.monotonic() < limit and settled < LEASE_SECONDS:
        ids = fleet.redis.zrange(fleet.keys.jobs(), 0, -1)
        states = [fleet.redis.hget(fleet.keys.record(job_id), "state") for job_id in ids]
        before, ended = ended, sum(state in TERMINAL for state in states)
        limit = time.monotonic() + QUIET_SECONDS if ended > before else limit
        quiet = ended == len(states) and not find_leftovers(fleet)
        settled = settled + 0.5 if quiet else 0.0
        time.sleep(0.5)

"""The use of a host's few slots while many jobs wait."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from bench.environment.services import MODEL, Services, make_producer, start_services
from bench.environment.workers import PEERS
from bench.figures.results import Results
from bench.measures import peers
from bench.paths import PATHS, Addresses
from bench.plan import RATE, Plan
from bench.readers.arrivals import Arrivals
from llamaq import GenerateRequest, JobQueue

MAX_WAIT_SECONDS = 120.0


def measure(plan: Plan, results: Results) -> None:
    """Measure every path in turn, in every round."""
    ways: dict[str, Callable[[Services, Plan], None]] = {"direct": _direct, "naive": _naive, "llamaq": _llamaq}
    with start_services(plan.slots, peers.pythons(results) if plan.peers else {}) as on:
        peers.warm(on)
        ways |= {name: _peer(name) for name in PEERS if name in on.workers}
        on.host.script(stamp=True, count=plan.slot_tokens, rate=RATE, times=None)
        for _ in range(plan.slot_rounds):
            for name, way in ways.items():
                before = on.host.stats(bodies=False)["arrived"]
                way(on, plan)
                results.add("slots_used", name, _share_busy(on.host.stats()["requests"], before, plan.slots))


def _share_busy(requests_seen: list[dict[str, Any]], before: int, slots: int) -> float:
    """Compute the share of used slot seconds by the host's own request log, between the first job and the last."""
    ran = [(r["started_at"], r["ended_at"]) for r in requests_seen if r["number"] > before and r["started_at"]]
    first, last = min(start for start, _ in ran), max(end for _, end in ran)
    return float(sum(end - start for start, end in ran) / (slots * (last - first)))


def _direct(on: Services, plan: Plan) -> None:
    url, body = f"{on.host.url}/api/generate", {"model": MODEL, "prompt": "go", "stream": True}
    with ThreadPoolExecutor(plan.slots) as pool:
        for _ in pool.map(lambda _: requests.post(url, json=body, timeout=MAX_WAIT_SECONDS), range(plan.slot_jobs)):
            pass


def _naive(on: Services, plan: Plan) -> None:
    app = make_producer(on.redis.url)
    tasks = [
        app.send_task("naive.generate", args=[MODEL, "go"], task_id=str(uuid.uuid4())) for _ in range(plan.slot_jobs)
    ]
    for task in tasks:
        task.get(timeout=MAX_WAIT_SECONDS)
    app.close()


def _peer(name: str) -> Callable[[Services, Plan], None]:
    def run(on: Services, plan: Plan) -> None:
        path = PATHS[name](Addresses(on.redis.url, on.host.url, MODEL))
        path.stream(plan.slot_jobs, Arrivals())
        path.close()

    return run


def _llamaq(on: Services, plan: Plan) -> None:
    with JobQueue(on.redis.url) as queue:
        for job in queue.submit_many([GenerateRequest(model=MODEL, prompt="go")] * plan.slot_jobs):
            job.result(MAX_WAIT_SECONDS)

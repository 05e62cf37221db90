"""The time of a submit, without a worker that takes jobs."""

import time
import uuid
from collections.abc import Callable

from bench.environment.services import MODEL, make_producer
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.measures import peers
from bench.plan import Plan
from embedded.redis import EmbeddedRedis
from llamaq import GenerateRequest, JobQueue

PROMPT = "Explain entanglement to a child of ten, in three sentences."


def measure(plan: Plan, results: Results) -> None:
    """Measure submits one by one in turn, then many at once."""
    with EmbeddedRedis.start() as redis:
        app = make_producer(redis.url)
        app.send_task("naive.generate", args=[MODEL, PROMPT], queue="warm")
        others = peers.pythons(results) if plan.peers else {}
        for _ in range(plan.rounds):
            for name, python in others.items():
                peers.submits(python, name, redis.url, plan, results)
            # A new prefix for each round, so that its queue begins empty.
            with JobQueue(redis.url, prefix=uuid.uuid4().hex) as queue:
                queue.generate(MODEL, PROMPT)
                _one_by_one(plan, results, queue, app.send_task)
                _many(plan, results, queue)
        app.close()


def _one_by_one(plan: Plan, results: Results, queue: JobQueue, send_task: Callable[..., object]) -> None:
    ours, theirs = [], []
    for _ in range(plan.submits):
        ours.append(_milliseconds(lambda: queue.generate(MODEL, PROMPT)))
        theirs.append(_milliseconds(lambda: send_task("naive.generate", args=[MODEL, PROMPT], queue="nobody")))
    results.add("submit_ms", "llamaq", percentile(ours, 50))
    results.add("submit_ms", "naive", percentile(theirs, 50))


def _many(plan: Plan, results: Results, queue: JobQueue) -> None:
    requests = [GenerateRequest(model=MODEL, prompt=PROMPT)] * plan.many
    each = _milliseconds(lambda: queue.submit_many(requests)) / plan.many
    results.add("many_per_second", "llamaq", 1000 / each)
    results.add("many_ms", "llamaq", each)
    results.add("many_ms", "naive", results.values["submit_ms"]["naive"][-1])  # it has no call for many


def _milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000

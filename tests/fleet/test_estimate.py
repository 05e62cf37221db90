"""The estimate on a real worker with jobs of a known length."""

import statistics
from functools import reduce

from embedded.redis import EmbeddedRedis
from llamaq.vocabulary.events import Queued
from tests.conftest import MODEL
from tests.fleet.one_model import one_model_service, ran_seconds, waited_seconds

JOB_SECONDS = 0.5


def test_in_a_steady_queue_the_estimate_is_about_right(redis_server: EmbeddedRedis) -> None:
    """Half of the estimates given at submit are within 25 % of what the wait turned out to be.

    Where the machine stands still, jobs take longer than those that were measured before. Both lengths are set off.
    """
    with one_model_service(redis_server.url, slots=2) as service:
        service.ollama.script(tokens=["x"] * 10, rate=10 / JOB_SECONDS, times=None)
        first = [service.queue.generate(MODEL, "to be measured") for _ in range(6)]
        for job in first:
            job.result(60)
        measured = reduce(lambda average, seconds: (average + seconds) / 2, map(ran_seconds, first))  # as estimate.lua

        jobs = [service.queue.generate(MODEL, f"job {number}") for number in range(20)]
        said = []
        for job in jobs:
            queued = next(iter(job.events()))
            assert isinstance(queued, Queued)
            said.append(queued.eta_seconds)
        for job in jobs:
            job.result(60)

        slower = statistics.mean(map(ran_seconds, jobs)) / measured
        waits = [(estimate * slower, waited_seconds(job)) for estimate, job in zip(said, jobs, strict=True) if estimate]
        assert len(waits) >= 17
        assert statistics.median(abs(estimate - wait) / wait for estimate, wait in waits) <= 0.25, waits

"""Tenants on a real worker: a flood of one does not starve another. Who went when is the host's own record."""

import statistics

from embedded.redis import EmbeddedRedis
from llamaq import Job, TextResult
from tests.conftest import MODEL, Measure
from tests.fleet.one_model import one_model_service, waited_seconds
from tests.service import Service

FLOOD, FEW = 1000, 10


def send(service: Service, tenant: str, number: int) -> list[Job[TextResult]]:
    """So many jobs of a tenant at once."""
    request = {"kind": "generate", "model": MODEL, "prompt": tenant, "tenant": tenant}
    return service.queue.submit_many([request] * number)


def test_few_behind_a_flood_wait_at_most_twice_as_long(redis_server: EmbeddedRedis, measure: Measure) -> None:
    """One tenant with 1,000 queued jobs, another with 10: the second's median wait is within twice its wait alone.

    Judged in jobs that went before, which no noise of the machine touches; the seconds are told.
    """
    with one_model_service(redis_server.url) as service:
        service.ollama.script(tokens=["x"] * 4, rate=80, times=None)
        alone = send(service, "few", FEW)
        for job in alone:
            job.result(60)
        before = median_place(service)
        send(service, "flood", FLOOD)
        gate = service.hold()
        service.wait_held(gate)  # in the middle of the flood, so that none of it goes while the ten are being sent
        service.begin()

        behind = send(service, "few", FEW)
        service.ollama.release(gate)
        for job in behind:
            job.result(60)

        measure("median wait alone", statistics.median(waited_seconds(job) for job in alone))
        measure("median wait behind a flood of 1,000", statistics.median(waited_seconds(job) for job in behind))
        assert before == (FEW - 1) / 2
        assert median_place(service) <= 2 * before
        assert service.redis.zcard(f"{service.prefix}:waiting:normal:{MODEL}") > FLOOD / 2


def median_place(service: Service) -> float:
    """How many requests went before the median one of the few."""
    prompts = [body["prompt"] for body in service.list_requests()]
    return statistics.median(place for place, prompt in enumerate(prompts) if prompt == "few")

"""submit_many: mixed requests in few round trips, the jobs in the order of the requests."""

from typing import Any

import pytest

from llamaq import (
    ChatRequest,
    EmbeddingRequest,
    GenerateRequest,
    InvalidRequest,
    JobQueue,
    Message,
    QueueFull,
    UnknownModel,
)
from llamaq.settings.producer import Settings
from llamaq.vocabulary.requests import AnyRequest
from tests.conftest import MODEL
from tests.service import Service

EMBED = "smollm2-embed:135m"


def request(prompt: str) -> dict[str, Any]:
    """A valid one."""
    return {"kind": "generate", "model": MODEL, "prompt": prompt}


def test_dicts_and_models_of_every_kind_come_back_in_order(service: Service) -> None:
    """Each job runs as if it had been sent alone."""
    service.ollama.script(tokens=["{}"], contains='"format"')
    requests: list[AnyRequest | dict[str, Any]] = [
        request("a"),
        GenerateRequest(model=MODEL, prompt="b", priority="batch"),
        {"kind": "chat", "model": MODEL, "messages": [{"role": "user", "content": "c"}]},
        ChatRequest(model=MODEL, messages=[Message(role="user", content="d")]),
        EmbeddingRequest(model=EMBED, input="e"),
        {"kind": "extraction", "model": MODEL, "prompt": "f", "schema": {"type": "object"}},
    ]

    jobs = service.queue.submit_many(requests)

    for job in jobs:
        job.result(30)
    kinds = [job.status().kind for job in jobs]
    assert kinds == ["generate", "generate", "chat", "chat", "embedding", "extraction"]
    assert jobs[-1].result().value == {}


def test_more_than_one_round_trip_keeps_the_order(service: Service) -> None:
    """450 jobs, as many as three pipelines take: every one runs once, and is known by its place."""
    service.ollama.script(tokens=["x"], times=None)

    jobs = service.queue.submit_many(request(str(number)) for number in range(450))

    assert len({job.id for job in jobs}) == 450
    for job in jobs:
        job.result(60)
    prompts = [service.redis.hget(service.keys.record(job.id), "request") for job in jobs]
    assert all(f'"prompt":"{number}"' in prompt for number, prompt in enumerate(prompts))
    assert sorted(int(body["prompt"]) for body in service.list_requests()) == list(range(450))


def test_one_that_is_invalid_queues_nothing(service: Service) -> None:
    """All are checked first: the error names the field, and no job was made."""
    before = service.redis.zcard(service.keys.jobs())
    good = request("a")

    for bad in ({**good, "prompt": 1}, {**good, "unknown": 1}, {**good, "kind": "nonsense"}, {"kind": "generate"}):
        with pytest.raises(InvalidRequest):
            service.queue.submit_many([good, bad, good])

    assert service.redis.zcard(service.keys.jobs()) == before
    assert service.list_requests() == []


def test_none_is_none(service: Service) -> None:
    """An empty list of requests gives an empty list of jobs."""
    assert service.queue.submit_many([]) == []


def test_a_model_that_nobody_has_is_told_and_what_came_before_it_runs(service: Service) -> None:
    """UnknownModel names the model; the job before it is not lost."""
    with pytest.raises(UnknownModel):
        service.queue.submit_many([request("good"), {**request("bad"), "model": "nobody-has-it"}])

    service.queue.job(service.queue.jobs(1)[0].id).result(30)
    assert [body["prompt"] for body in service.list_requests()] == ["good"]


def test_a_full_queue_is_told_and_what_fitted_runs(service: Service) -> None:
    """With both slots held and room for two, the third of five is refused; the first two run."""
    gate = service.hold(times=2)
    held = [service.queue.generate(MODEL, "hold") for _ in range(2)]
    service.wait_held(gate, 2)

    producer = JobQueue(service.url, settings=Settings(keys=service.keys, max_queued=2))
    with producer, pytest.raises(QueueFull):
        producer.submit_many([request(str(number)) for number in range(5)])

    fitted = [service.queue.job(status.id) for status in service.queue.jobs(2)]
    service.ollama.release(gate)
    for job in [*held, *fitted]:
        job.result(30)
    assert {body["prompt"] for body in service.list_requests()} == {"hold", "0", "1"}

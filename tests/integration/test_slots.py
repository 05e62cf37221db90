"""Slots: never more requests at a host than it has, and never fewer while jobs wait."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import MODELS
from llamaq import JobQueue
from llamaq.vocabulary.events import Started
from tests.conftest import MODEL, StartWorker
from tests.service import Service, wait_until

OTHER = "smollm2-b:135m"


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    """A host that would take any number of requests at once: what limits them is the service."""
    with ScriptedOllama.start(slots=64, max_models=8) as host:
        yield host


@pytest.fixture
def wide_service(
    redis_server: EmbeddedRedis, prefix: str, queue: JobQueue, ollama: ScriptedOllama
) -> Iterator[Service]:
    """The service of that host."""
    service = Service(redis_server.url, prefix, queue, ollama)
    yield service
    service.close()


def assert_at_most(service: Service, slots: int, jobs: int = 40) -> set[str]:
    """Many jobs at once: the host's own count reaches the slots and never passes them; the workers that ran them."""
    gate = service.hold(times=slots)
    sent = [service.queue.generate(MODEL, f"job {number}") for number in range(jobs)]
    service.wait_held(gate, slots)
    service.ollama.script(tokens=["a", "b", "c"], rate=100, times=None)
    service.ollama.release(gate)
    started = [event for job in sent for event in job.events() if isinstance(event, Started)]
    assert service.ollama.stats(bodies=False)["max_running"] == slots
    assert sorted(body["prompt"] for body in service.list_requests()) == sorted(
        f"job {number}" for number in range(jobs)
    )
    assert service.slots_held() == 0
    return {event.worker for event in started}


def test_all_slots_are_used_and_no_more(wide_service: Service, start_worker: StartWorker) -> None:
    """With three slots, 40 jobs run three at a time; each is asked for once."""
    start_worker(slots=3)

    assert len(assert_at_most(wide_service, 3)) == 1


def test_two_workers_share_the_slots_of_their_host(wide_service: Service, start_worker: StartWorker) -> None:
    """Workers with the same LLAMAQ_HOST count together: three slots, not six; and both do work."""
    for _ in range(2):
        start_worker(slots=3, host="the-host")
    wait_until(lambda: wide_service.redis.zcard(f"{wide_service.prefix}:host:the-host:workers") == 2)

    assert len(assert_at_most(wide_service, 3)) == 2

    assert {status.host for status in wide_service.queue.jobs(100)} == {"the-host"}


def test_each_model_has_its_slots_and_models_are_limited(wide_service: Service, start_worker: StartWorker) -> None:
    """Two slots for each of two models: four at a time, two of each, and a third model waits."""
    start_worker(slots=2, max_models=2, probe_seconds=0.5)
    gate = wide_service.hold(times=4)
    held = [wide_service.queue.generate(model, "x") for model in (MODEL, OTHER, MODEL, OTHER, MODEL, OTHER)]
    wide_service.wait_held(gate, 4)
    third = wide_service.queue.generate(MODELS[3].name, "x")

    assert dict(wide_service.ollama.stats()["running_by_model"]) == {MODEL: 2, OTHER: 2}
    assert third.status().position == 0
    wide_service.ollama.release(gate)

    for job in [*held, third]:
        job.result(30)
    assert wide_service.ollama.stats()["max_running"] <= 4

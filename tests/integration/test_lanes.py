"""The queue: lanes, order within a lane, position, and how full it may get."""

import pytest

from llamaq import GenerateRequest, Job, JobQueue, QueueFull, TextResult
from llamaq.settings.producer import Settings
from llamaq.vocabulary.events import Queued
from llamaq.vocabulary.kinds.request import Lane
from tests.conftest import MODEL
from tests.service import Service, wait_until


def take_the_slot(service: Service) -> tuple[str, Job[TextResult]]:
    """Hold the only slot; its gate, and the job that stops there."""
    gate = service.hold()
    job = service.queue.generate(MODEL, "hold", start_within=600)
    service.wait_held(gate)
    return gate, job


def served(service: Service) -> list[str]:
    """Prompts in the order in which the host got them, without the one that was held."""
    return [body["prompt"] for body in service.list_requests() if body["prompt"] != "hold"]


def position_at_submit(job: Job[TextResult]) -> int:
    """As the job's first event has it."""
    queued = next(iter(job.events()))
    assert isinstance(queued, Queued)
    assert queued.position is not None
    return queued.position


def test_lanes_are_served_in_their_order_and_each_in_the_order_it_came(single_slot_service: Service) -> None:
    """First interactive, then normal, then batch, whenever they were sent; within a lane first come, first served."""
    gate, _ = take_the_slot(single_slot_service)
    sent: list[tuple[str, Lane]] = [
        ("batch 1", "batch"),
        ("normal 1", "normal"),
        ("interactive 1", "interactive"),
        ("batch 2", "batch"),
        ("interactive 2", "interactive"),
        ("normal 2", "normal"),
    ]
    jobs = [single_slot_service.queue.generate(MODEL, prompt, priority=lane) for prompt, lane in sent]

    single_slot_service.ollama.release(gate)
    for job in jobs:
        job.result(30)

    assert served(single_slot_service) == [
        "interactive 1",
        "interactive 2",
        "normal 1",
        "normal 2",
        "batch 1",
        "batch 2",
    ]


def test_a_long_line_keeps_its_order(single_slot_service: Service) -> None:
    """Thirty jobs of one lane and several kinds of submit run in the order in which they were sent."""
    gate, _ = take_the_slot(single_slot_service)
    names = [f"job {number}" for number in range(30)]
    jobs: list[Job[TextResult]] = [single_slot_service.queue.generate(MODEL, name) for name in names[:10]]
    jobs += single_slot_service.queue.submit_many([GenerateRequest(model=MODEL, prompt=name) for name in names[10:]])

    single_slot_service.ollama.release(gate)
    for job in jobs:
        job.result(30)

    assert served(single_slot_service) == names


def test_position_counts_the_jobs_ahead(single_slot_service: Service) -> None:
    """The queued event has it as of the submit, status has it fresh; once a job has a slot there is none."""
    gate, held = take_the_slot(single_slot_service)
    normal = [single_slot_service.queue.generate(MODEL, f"normal {number}") for number in range(3)]
    first = single_slot_service.queue.generate(MODEL, "interactive", priority="interactive")

    assert [job.status().position for job in [*normal, first]] == [1, 2, 3, 0]
    assert [position_at_submit(job) for job in [*normal, first]] == [0, 1, 2, 0]
    assert held.status().position is None
    normal[0].cancel()
    assert [job.status().position for job in normal] == [None, 1, 2]

    single_slot_service.ollama.release(gate)
    for job in [*normal[1:], first]:
        job.result(30)
        assert job.status().position is None


def test_the_state_while_waiting_is_queued(single_slot_service: Service) -> None:
    """A waiting job has no host, no start and no attempt yet, and an estimate once something was measured."""
    single_slot_service.queue.generate(MODEL, "to be measured").result(30)
    gate, _ = take_the_slot(single_slot_service)

    job = single_slot_service.queue.generate(MODEL, "waits")
    status = job.status()

    assert (status.state, status.attempt, status.host, status.started_at) == ("queued", 0, None, None)
    assert status.eta_seconds is not None
    assert status.eta_seconds >= 0
    single_slot_service.ollama.release(gate)
    job.result(30)


def test_a_full_waiting_room_refuses_and_says_when_to_come_back(single_slot_service: Service) -> None:
    """At the limit the submit raises QueueFull with seconds to wait; a place that gets free is given again."""
    gate, _ = take_the_slot(single_slot_service)
    settings = Settings(keys=single_slot_service.keys, max_queued=2)
    with JobQueue(single_slot_service.url, settings=settings) as producer:
        jobs = [producer.generate(MODEL, f"job {number}") for number in range(2)]

        with pytest.raises(QueueFull, match=r"\(Settings.max_queued\)") as caught:
            producer.generate(MODEL, "too many")
        assert caught.value.retry_after > 0
        jobs[0].cancel()
        jobs.append(producer.generate(MODEL, "fits again"))

    single_slot_service.ollama.release(gate)
    for job in jobs[1:]:
        single_slot_service.queue.job(job.id).result(30)
    assert served(single_slot_service) == ["job 1", "fits again"]


def test_the_room_is_counted_per_model(single_slot_service: Service) -> None:
    """One model's line does not close the door to another's."""
    gate, _ = take_the_slot(single_slot_service)
    settings = Settings(keys=single_slot_service.keys, max_queued=1)
    with JobQueue(single_slot_service.url, settings=settings) as producer:
        producer.generate(MODEL, "first")
        with pytest.raises(QueueFull):
            producer.generate(MODEL, "second")

        other = producer.generate("smollm2-b:135m", "another model")

    single_slot_service.ollama.release(gate)
    single_slot_service.queue.job(other.id).result(30)


def test_a_retried_job_goes_back_to_its_old_place(single_slot_service: Service) -> None:
    """Taken up again, it is served before those that were sent after it."""
    gate = single_slot_service.hold(tokens=["a"], fault="end")
    retried = single_slot_service.queue.generate(MODEL, "retried")
    single_slot_service.wait_held(gate)
    second = single_slot_service.hold(contains="blocks")
    blocks = single_slot_service.queue.generate(MODEL, "blocks")
    behind = single_slot_service.queue.generate(MODEL, "behind")
    single_slot_service.ollama.release(gate)
    single_slot_service.wait_held(second)

    # Its delay is over when it stands in the line again.
    wait_until(lambda: retried.status().position == 0)
    assert behind.status().position == 1
    single_slot_service.ollama.release(second)

    assert retried.result(30).attempts == 2
    for job in (blocks, behind):
        job.result(30)
    assert served(single_slot_service) == ["retried", "blocks", "retried", "behind"]

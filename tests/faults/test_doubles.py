"""The same thing said many times is done once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from celery import Celery

from llamaq import Job, JobQueue
from tests.conftest import MODEL
from tests.faults.assertions import assert_completed
from tests.faults.site import HOST, Site
from tests.service import wait_until

TIMES = 10
PRODUCERS = 50


@pytest.fixture
def celery(calm: Site) -> Iterator[Celery]:
    """A Celery application that sends messages again."""
    app = Celery("somebody", broker=calm.url, set_as_current=False)
    app.conf.task_ignore_result = True
    yield app
    app.close()


def send_again(celery: Celery, site: Site, job: Job[Any]) -> None:
    """Deliver the message of a job so many times, and wait until the workers have taken them all."""
    queue = site.keys.host_queue(HOST)
    for _ in range(TIMES):
        celery.send_task("llamaq.generate", args=[job.id], task_id=job.id, queue=queue)
    wait_until(lambda: site.redis.llen(queue) == 0 and not site.redis.hlen(f"{site.prefix}.unacked"))


def test_a_message_delivered_ten_times(calm: Site, celery: Celery) -> None:
    """While the job waits, while it runs and after its end: it runs once."""
    dead_before = calm.redis.xlen(calm.keys.dead())  # other tests of the site have set messages aside
    gate = calm.hold(times=3, tokens=["once"])
    running = [calm.queue.generate(MODEL, f"running {number}") for number in range(2)]
    waiting = calm.queue.generate(MODEL, "waiting")
    calm.wait_held(gate, 2)

    for job in (*running, waiting):
        send_again(celery, calm, job)
    assert len(calm.list_requests()) == 2
    calm.ollama.release(gate)
    for job in (*running, waiting):
        assert_completed(job, attempt=1, text="once")
        send_again(celery, calm, job)

    assert_completed(calm.queue.generate(MODEL, "behind"), attempt=1)
    assert sorted(body["prompt"] for body in calm.list_requests()) == ["behind", "running 0", "running 1", "waiting"]
    assert calm.redis.xlen(calm.keys.dead()) == dead_before, "one more delivery is no fault of the message"


def test_fifty_submits_with_one_idempotency_key(calm: Site) -> None:
    """From fifty threads at the same moment: one job, and one request at Ollama."""
    together = Barrier(PRODUCERS)

    def submit(number: int) -> str:
        queue = queues[number % len(queues)]
        together.wait(30)
        return queue.generate(MODEL, "Why?", idempotency_key="order-17").id

    queues = [JobQueue(calm.url, prefix=calm.prefix) for _ in range(5)]
    with ThreadPoolExecutor(PRODUCERS) as threads:
        ids = set(threads.map(submit, range(PRODUCERS)))
    for queue in queues:
        queue.close()

    (job_id,) = ids
    assert_completed(calm.queue.job(job_id), attempt=1)
    assert_completed(calm.queue.generate(MODEL, "behind"), attempt=1)
    assert [body["prompt"] for body in calm.list_requests()] == ["Why?", "behind"]

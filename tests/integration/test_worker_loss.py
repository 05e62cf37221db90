"""SIGKILL: what a dead worker had is taken up again by one that lives, and readers see one ending."""

import json
import signal

import pytest

from llamaq import JobFailed, JobQueue
from llamaq.settings.producer import Settings
from llamaq.vocabulary.events import Delta, Retrying, Started
from tests.conftest import MODEL, StartWorker
from tests.service import Service, fresh_name, kinds, last_text, read_until


def test_a_killed_workers_job_completes_elsewhere(own_service: Service, start_worker: StartWorker) -> None:
    """Its lease lapses, the living worker runs attempt 2, and the log has exactly one terminal event."""
    doomed = start_worker(host="doomed")
    own_service.hold(tokens=["half"], hold_after=1)
    name = fresh_name()
    job = own_service.queue.chat(MODEL, conversation=name, message="Hi")
    read_until(job, Delta)
    start_worker(host="alive")
    own_service.ollama.script(tokens=["whole"])

    doomed.signal(signal.SIGKILL)
    doomed.wait()
    own_service.expire_leases()
    own_service.redis.zadd(own_service.keys.hosts(), {"doomed": 1}, xx=True)  # as when its last report was 15 s ago

    events = list(job.events())
    assert kinds(events) == ["queued", "started", "delta", "retrying", "started", "delta", "completed"]
    assert next((event.attempt, event.host) for event in events if isinstance(event, Started)) == (1, "doomed")
    assert next(event for event in events if isinstance(event, Retrying)).error.retryable
    assert last_text(events) == job.result(30).text == "whole"
    assert job.result(30).attempts == 2
    assert [json.loads(payload)["type"] for _, payload in own_service.log(job.id)].count("completed") == 1
    history = own_service.redis.lrange(own_service.keys.conversation("default", name), 0, -1)
    assert [json.loads(text)["content"] for text in history] == ["Hi", "whole"]
    own_service.wait_hung_up()


def test_a_job_that_loses_every_worker_is_not_tried_for_ever(own_service: Service, start_worker: StartWorker) -> None:
    """When its last attempt ended with the loss of its worker too, it fails with `attempts_exhausted`."""
    settings = Settings(keys=own_service.keys, max_attempts=1)
    with JobQueue(own_service.url, settings=settings) as producer:
        job = producer.generate(MODEL, "kills", wait_for_model=True)
    own_service.hold()
    doomed = start_worker()
    own_service.wait_requests(1)
    doomed.signal(signal.SIGKILL)
    doomed.wait()
    own_service.expire_leases()
    start_worker()

    with pytest.raises(JobFailed) as caught:
        own_service.queue.job(job.id).result(30)

    assert caught.value.code == "attempts_exhausted"
    assert own_service.slots_held() == 0
    own_service.queue.generate(MODEL, "harmless").result(30)


def test_a_frozen_worker_that_wakes_up_writes_nothing_more(own_service: Service, start_worker: StartWorker) -> None:
    """Its job has gone to another meanwhile: tokens it still reads are refused, and the reader sees no mixture."""
    frozen = start_worker(host="shared")
    old = own_service.hold(tokens=["old"] * 20, hold_after=1, rate=20)
    job = own_service.queue.generate(MODEL, "Why?")
    read_until(job, Delta)
    start_worker(host="shared")
    new = own_service.hold(tokens=["new", " text"], hold_after=1)

    frozen.freeze()
    own_service.expire_leases()
    read_until(job, Delta, 2)
    own_service.ollama.release(old)  # what the host sends now waits in the frozen worker's socket
    own_service.wait(lambda stats: stats["running"] == 1)
    frozen.signal(signal.SIGCONT)
    frozen.signal(signal.SIGTERM)
    assert frozen.wait() == 0
    own_service.ollama.release(new)

    events = list(job.events())
    assert kinds(events) == ["queued", "started", "delta", "retrying", "started", "delta", "completed"]
    assert last_text(events) == job.result(30).text == "new text"
    assert own_service.slots_held() == 0

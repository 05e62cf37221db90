"""SIGTERM: a worker takes nothing more, lets what runs end, gives back what does not, and exits in order."""

import json
import signal
import sys

from llamaq.vocabulary.events import Delta, Retrying, Started
from tests.conftest import MODEL, StartWorker
from tests.service import Service, kinds, last_text, read_until, wait_until


def test_a_running_job_is_let_to_its_end(own_service: Service, start_worker: StartWorker) -> None:
    """The job that runs completes in its first attempt; the one that waits stays queued; the exit code is 0.

    Also where the worker was started with Ctrl-C ignored, as below nohup.
    """
    worker = start_worker(["sh", "-c", f"trap '' INT; exec {sys.executable} -m worker"], slots=1)
    gate = own_service.hold(tokens=["a", "b"], hold_after=1)
    job = own_service.queue.generate(MODEL, "runs")
    read_until(job, Delta)
    waiting = own_service.queue.generate(MODEL, "waits", wait_for_model=True)

    worker.signal(signal.SIGTERM)
    # The host is withdrawn: nothing is assigned on it any more.
    wait_until(lambda: not own_service.queue.models())
    assert [(each.state, each.slots_used) for each in own_service.queue.workers()] == [("draining", 1)]
    own_service.ollama.release(gate)

    assert worker.wait() == 0
    assert (job.result(30).text, job.result(30).attempts) == ("ab", 1)
    assert (waiting.status().state, waiting.status().position) == ("queued", 0)
    assert own_service.slots_held() == 0
    assert own_service.queue.workers() == []


def test_a_job_that_does_not_end_in_time_goes_to_another_worker(
    own_service: Service, start_worker: StartWorker
) -> None:
    """Readers see `retrying` and `started` with attempt 2; it completes elsewhere; the stop costs it no try."""
    first = start_worker(host="first", drain_seconds=0.1)
    own_service.hold(tokens=["half"], hold_after=1)
    job = own_service.queue.generate(MODEL, "long")
    read_until(job, Delta)
    start_worker(host="second")
    wait_until(lambda: len(own_service.queue.models()) > len({model.model for model in own_service.queue.models()}))
    own_service.ollama.script(tokens=["whole"])

    first.signal(signal.SIGTERM)

    events = list(job.events())
    assert kinds(events) == ["queued", "started", "delta", "retrying", "started", "delta", "completed"]
    assert [event.host for event in events if isinstance(event, Started)] == ["first", "second"]
    back = next(event for event in events if isinstance(event, Retrying))
    assert (back.error.retryable, back.delay_seconds, back.error.reason) == (True, 0, "drained")
    result = job.result(30)
    assert (result.text, result.attempts, result.host) == ("whole", 2, "second")
    assert last_text(events) == "whole"
    assert own_service.redis.hget(own_service.keys.record(job.id), "tries") == "1"
    assert first.wait() == 0
    own_service.wait_hung_up()
    assert own_service.slots_held() == 0


def test_a_job_given_back_waits_for_the_next_worker(own_service: Service, start_worker: StartWorker) -> None:
    """With nobody else there it is `retrying` until a worker comes, and then completes."""
    worker = start_worker(drain_seconds=0)
    own_service.hold(tokens=["half"], hold_after=1)
    job = own_service.queue.generate(MODEL, "long")
    read_until(job, Delta)

    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert job.status().state == "retrying"
    said = [json.loads(line) for line in worker.log().splitlines()]
    assert [line["event"].partition(":")[0] for line in said if line["logger"].startswith("worker.")][-4:] == [
        "stopping",
        "draining",
        "attempt ended",
        "stopped",
    ]
    (ended,) = (line for line in said if line["event"] == "attempt ended")
    assert (ended["level"], ended["outcome"]) == ("info", "drained")
    start_worker()

    assert job.result(30).attempts == 2


def test_a_second_signal_ends_the_wait(own_service: Service, start_worker: StartWorker) -> None:
    """Who sends SIGTERM twice wants it now: what runs is given back at once."""
    worker = start_worker(drain_seconds=600)
    own_service.hold()
    job = own_service.queue.generate(MODEL, "long")
    read_until(job, Started)

    worker.signal(signal.SIGTERM)
    wait_until(lambda: not own_service.queue.models())
    worker.signal(signal.SIGTERM)

    worker.wait()
    assert job.status().state == "retrying"
    assert own_service.slots_held() == 0


def test_a_job_can_be_cancelled_while_its_worker_drains(own_service: Service, start_worker: StartWorker) -> None:
    """The drain does not make a worker deaf: the connection is closed and the worker need not wait."""
    worker = start_worker(drain_seconds=600)
    own_service.hold()
    job = own_service.queue.generate(MODEL, "long")
    own_service.wait_requests(1)
    worker.signal(signal.SIGTERM)
    wait_until(lambda: not own_service.queue.models())

    assert job.cancel()

    own_service.wait_hung_up()
    assert worker.wait() == 0
    assert job.status().state == "cancelled"

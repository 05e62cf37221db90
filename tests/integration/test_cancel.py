"""cancel: in every state at once, seen by the host, and the slot comes back."""

import signal
import time
from typing import Any

import pytest

from embedded.scripted.script import ScriptedModel
from llamaq import Job, JobCancelled, JobNotFound, JobQueue
from llamaq.vocabulary.events import Cancelled, Delta, Retrying
from tests.conftest import MODEL, Measure, StartWorker
from tests.service import Service, fresh_name, kinds, read_until


def fill_the_slots(service: Service) -> tuple[str, list[Job[Any]]]:
    """Hold both slots; the gate, and the jobs that stop at it."""
    gate = service.hold(times=2)
    jobs = [service.queue.generate(MODEL, "hold") for _ in range(2)]
    service.wait_held(gate, 2)
    return gate, jobs


def assert_the_slots_are_free(service: Service) -> None:
    """Both slots take a job again, at the same time."""
    gate, jobs = fill_the_slots(service)
    service.ollama.release(gate)
    for job in jobs:
        job.result(30)


def assert_ended_once(job: Job[Any]) -> None:
    """The log has one terminal event, and it is the last."""
    events = list(job.events())
    assert [event.terminal for event in events].count(True) == 1
    assert isinstance(events[-1], Cancelled)
    assert job.status().state == "cancelled"


def cancel_at_ollama(service: Service, job: Job[Any], measure: Measure, state: str) -> None:
    """Cancel a job whose request stands at Ollama: the connection is closed, and the slot takes a job again."""
    began = time.monotonic()
    assert job.cancel()
    service.wait_hung_up()
    hung_up_at = max(entry["hung_up_at"] or 0.0 for entry in service.ollama.stats()["requests"])
    measure(f"connection closed after a cancel, {state}", hung_up_at - began)
    assert_ended_once(job)
    assert_the_slots_are_free(service)


def test_a_queued_job_that_is_cancelled_never_reaches_ollama(service: Service) -> None:
    """While all slots are held, a waiting job ends at once, with the reason that was given."""
    gate, jobs = fill_the_slots(service)
    waiting = service.queue.generate(MODEL, "never")

    assert waiting.cancel("changed my mind")

    with pytest.raises(JobCancelled, match="changed my mind"):
        waiting.result(30)
    assert kinds(list(waiting.events())) == ["queued", "cancelled"]
    assert waiting.status().reason == "changed my mind"
    service.ollama.release(gate)
    for job in jobs:
        job.result(30)
    service.queue.generate(MODEL, "behind it").result(30)
    assert "never" not in [body["prompt"] for body in service.list_requests()]
    assert_ended_once(waiting)


def test_a_job_cancelled_while_the_model_is_loading_closes_its_connection(service: Service, measure: Measure) -> None:
    """No header has come yet: the connection is closed all the same, the load is given up, and the slot is free."""
    name = f"{fresh_name()}:latest"
    service.ollama.set_model(ScriptedModel(name, load_seconds=600))
    job = service.queue.generate(name, "Why?", wait_for_model=True)
    service.wait_requests(1)

    cancel_at_ollama(service, job, measure, "loading")

    service.wait(lambda stats: stats["aborted_loads"].get(name) == 1)


def test_a_job_cancelled_before_its_first_token_closes_its_connection(service: Service, measure: Measure) -> None:
    """While the prompt is read there is no header; the host sees the connection close."""
    gate = service.hold()
    job = service.queue.generate(MODEL, "Why?")
    service.wait_held(gate)

    cancel_at_ollama(service, job, measure, "in the prompt")


def test_a_job_cancelled_while_it_speaks_is_cut_off(service: Service, measure: Measure) -> None:
    """Tokens stop, the connection is closed, nothing comes behind the terminal event, and the slot is free."""
    service.ollama.script(count=100_000, rate=50)
    job = service.queue.generate(MODEL, "Talk")
    read_until(job, Delta, 2)

    cancel_at_ollama(service, job, measure, "speaking")


@pytest.mark.parametrize("stream", [True, False])
def test_a_job_cancelled_in_a_silence_is_cut_off(service: Service, measure: Measure, *, stream: bool) -> None:
    """In the middle of an answer, with nothing to read or write, the cancel still gets through."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job = service.queue.generate(MODEL, "Talk", stream=stream)
    service.wait_held(gate)

    cancel_at_ollama(service, job, measure, "decoding")


def test_a_job_cancelled_while_it_waits_for_its_next_try_stays_so(
    own_service: Service, start_worker: StartWorker
) -> None:
    """Between two attempts it ends at once; the second never begins."""
    start_worker()
    own_service.ollama.script(tokens=["a"], fault="end")
    job = own_service.queue.generate(MODEL, "Again")
    read_until(job, Retrying)

    assert job.cancel()

    assert kinds(list(job.events())) == ["queued", "started", "delta", "retrying", "cancelled"]
    assert_the_slots_are_free(own_service)
    assert len([body for body in own_service.list_requests() if body["prompt"] == "Again"]) == 1
    assert own_service.redis.zscore(f"{own_service.prefix}:delayed", job.id) is None


def test_an_extraction_cancelled_between_two_questions_asks_no_more(service: Service) -> None:
    """A cancel during a repair ends the job; the host is not asked a third time."""
    service.ollama.script(tokens=["no JSON"])
    gate = service.hold(tokens=["no JSON"])
    job = service.queue.extract(MODEL, "Draw", schema={"type": "object"})
    service.wait_held(gate)

    assert job.cancel()

    service.wait_hung_up()
    assert_ended_once(job)
    assert_the_slots_are_free(service)
    assert len(service.list_requests("/api/chat")) == 2


def test_an_embedding_can_be_cancelled(service: Service) -> None:
    """Also a kind that does not stream closes its connection."""
    gate = service.hold()
    job = service.queue.embed("smollm2-embed:135m", "a")
    service.wait_held(gate)

    assert job.cancel()

    service.wait_hung_up()
    assert_ended_once(job)


def test_a_completed_job_cannot_be_cancelled(service: Service) -> None:
    """Cancel says False, and the result stands."""
    job = service.queue.generate(MODEL, "Why?")
    text = job.result(30).text

    assert job.cancel() is False

    assert job.status().state == "completed"
    assert job.result(30).text == text


def test_cancelling_twice_is_true_twice_and_one_event(service: Service) -> None:
    """The second cancel changes nothing: neither the reason nor the log."""
    gate = service.hold()
    job = service.queue.generate(MODEL, "Why?")
    service.wait_held(gate)

    assert job.cancel("first")
    assert job.cancel("second")

    assert job.status().reason == "first"
    assert_ended_once(job)


def test_anyone_who_knows_the_id_may_cancel(service: Service) -> None:
    """Another client, as in another process, cancels by the id alone."""
    gate = service.hold()
    job = service.queue.generate(MODEL, "Why?")
    service.wait_held(gate)

    with JobQueue(service.url, prefix=service.prefix) as stranger:
        assert stranger.job(job.id).cancel()

    service.wait_hung_up()
    assert_ended_once(job)


def test_a_running_job_hears_of_its_cancel_without_having_to_write(
    own_service: Service, start_worker: StartWorker
) -> None:
    """In a silence after its first token, and with no lease due for minutes, the connection is closed all the same."""
    start_worker(lease_seconds=600)
    own_service.hold(hold_after=1)
    job = own_service.queue.generate(MODEL, "Why?")
    read_until(job, Delta)

    assert job.cancel()

    own_service.wait_hung_up()


def test_a_cancel_whose_message_is_lost_is_learned_of_all_the_same(
    own_service: Service, start_worker: StartWorker
) -> None:
    """The worker's subscription is cut before, and it cannot subscribe again in time: the lease's renewal tells it."""
    worker = start_worker(lease_seconds=3)
    own_service.hold(hold_after=1)
    job = own_service.queue.generate(MODEL, "Why?")
    read_until(job, Delta)

    worker.freeze()
    own_service.redis.client_kill_filter(_type="pubsub")
    assert job.cancel()
    worker.signal(signal.SIGCONT)

    own_service.wait_hung_up()
    assert_ended_once(job)


@pytest.mark.usefixtures("hasty")
def test_an_unknown_id_is_not_found(service: Service) -> None:
    """Cancel, status and result of a job that never was raise JobNotFound."""
    job = service.queue.job("no-such-job")

    with pytest.raises(JobNotFound):
        job.cancel()
    with pytest.raises(JobNotFound):
        job.status()
    with pytest.raises(JobNotFound):
        job.result(30)

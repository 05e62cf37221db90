"""cancel: in every state at once, seen by the host, and the slot comes back."""

import signal
from typing import Any

import pytest

from embedded.scripted.script import ScriptedModel
from llamaq import Job, JobCancelled, JobNotFound, JobQueue
from llamaq.vocabulary.events import Cancelled, Delta, Retrying
from tests.conftest import MODEL, StartWorker
from tests.integration.house import House, fresh_name, kinds, read_until


def fill_the_slots(house: House) -> tuple[str, list[Job[Any]]]:
    """Hold both slots; the gate, and the jobs that stop at it."""
    gate = house.hold(times=2)
    jobs = [house.queue.generate(MODEL, "hold") for _ in range(2)]
    house.wait_held(gate, 2)
    return gate, jobs


def assert_the_slots_are_free(house: House) -> None:
    """Both slots take a job again, at the same time."""
    gate, jobs = fill_the_slots(house)
    house.ollama.release(gate)
    for job in jobs:
        job.result(30)


def assert_ended_once(job: Job[Any]) -> None:
    """The log has one terminal event, and it is the last."""
    events = list(job.events())
    assert [event.terminal for event in events].count(True) == 1
    assert isinstance(events[-1], Cancelled)
    assert job.status().state == "cancelled"


def test_a_queued_job_that_is_cancelled_never_reaches_ollama(house: House) -> None:
    """While all slots are held, a waiting job ends at once, with the reason that was given."""
    gate, jobs = fill_the_slots(house)
    waiting = house.queue.generate(MODEL, "never")

    assert waiting.cancel("changed my mind")

    with pytest.raises(JobCancelled, match="changed my mind"):
        waiting.result(30)
    assert kinds(list(waiting.events())) == ["queued", "cancelled"]
    assert waiting.status().reason == "changed my mind"
    house.ollama.release(gate)
    for job in jobs:
        job.result(30)
    house.queue.generate(MODEL, "behind it").result(30)
    assert "never" not in [body["prompt"] for body in house.asked()]
    assert_ended_once(waiting)


def test_a_job_cancelled_while_the_model_is_loading_closes_its_connection(house: House) -> None:
    """No header has come yet: the connection is closed all the same, the load is given up, and the slot is free."""
    name = f"{fresh_name()}:latest"
    house.ollama.set_model(ScriptedModel(name, load_seconds=600))
    job = house.queue.generate(name, "Why?", wait_for_model=True)
    house.wait_asked(1)

    assert job.cancel()

    house.wait_hung_up()
    house.wait(lambda stats: stats["aborted_loads"].get(name) == 1)
    assert_ended_once(job)
    assert_the_slots_are_free(house)


def test_a_job_cancelled_before_its_first_token_closes_its_connection(house: House) -> None:
    """While the prompt is read there is no header; the host sees the connection close."""
    gate = house.hold()
    job = house.queue.generate(MODEL, "Why?")
    house.wait_held(gate)

    assert job.cancel()

    house.wait_hung_up()
    assert kinds(list(job.events()))[-1] == "cancelled"
    assert_ended_once(job)
    assert_the_slots_are_free(house)


def test_a_job_cancelled_while_it_speaks_is_cut_off(house: House) -> None:
    """Tokens stop, the connection is closed, nothing comes behind the terminal event, and the slot is free."""
    house.ollama.script(count=100_000, rate=50)
    job = house.queue.generate(MODEL, "Talk")
    read_until(job, Delta, 2)

    assert job.cancel()

    house.wait_hung_up()
    assert_the_slots_are_free(house)
    assert_ended_once(job)


def test_a_job_cancelled_in_a_silence_is_cut_off(house: House) -> None:
    """In the middle of an answer, with nothing to read or write, the cancel still gets through."""
    gate = house.hold(tokens=["a", "b"], hold_after=1)
    job = house.queue.generate(MODEL, "Talk", stream=False)
    house.wait_held(gate)

    assert job.cancel()

    house.wait_hung_up()
    assert_ended_once(job)
    assert_the_slots_are_free(house)


def test_a_job_cancelled_while_it_waits_for_its_next_try_stays_so(house: House) -> None:
    """Between two attempts it ends at once; the second never begins."""
    house.ollama.script(tokens=["a"], fault="end")
    job = house.queue.generate(MODEL, "Again")
    read_until(job, Retrying)

    assert job.cancel()

    assert kinds(list(job.events())) == ["queued", "started", "delta", "retrying", "cancelled"]
    assert_the_slots_are_free(house)
    assert len([body for body in house.asked() if body["prompt"] == "Again"]) == 1
    assert house.redis.zscore(f"{house.prefix}:delayed", job.id) is None


def test_an_extraction_cancelled_between_two_questions_asks_no_more(house: House) -> None:
    """A cancel during a repair ends the job; the host is not asked a third time."""
    house.ollama.script(tokens=["no JSON"])
    gate = house.hold(tokens=["no JSON"])
    job = house.queue.extract(MODEL, "Draw", schema={"type": "object"})
    house.wait_held(gate)

    assert job.cancel()

    house.wait_hung_up()
    assert_ended_once(job)
    assert_the_slots_are_free(house)
    assert len(house.asked("/api/chat")) == 2


def test_an_embedding_can_be_cancelled(house: House) -> None:
    """Also a kind that does not stream closes its connection."""
    gate = house.hold()
    job = house.queue.embed("smollm2-embed:135m", "a")
    house.wait_held(gate)

    assert job.cancel()

    house.wait_hung_up()
    assert_ended_once(job)


def test_a_completed_job_cannot_be_cancelled(house: House) -> None:
    """Cancel says False, and the result stands."""
    job = house.queue.generate(MODEL, "Why?")
    text = job.result(30).text

    assert job.cancel() is False

    assert job.status().state == "completed"
    assert job.result(30).text == text


def test_cancelling_twice_is_true_twice_and_one_event(house: House) -> None:
    """The second cancel changes nothing: neither the reason nor the log."""
    gate = house.hold()
    job = house.queue.generate(MODEL, "Why?")
    house.wait_held(gate)

    assert job.cancel("first")
    assert job.cancel("second")

    assert job.status().reason == "first"
    assert_ended_once(job)


def test_anyone_who_knows_the_id_may_cancel(house: House) -> None:
    """Another client, as in another process, cancels by the id alone."""
    gate = house.hold()
    job = house.queue.generate(MODEL, "Why?")
    house.wait_held(gate)

    with JobQueue(house.url, prefix=house.prefix) as stranger:
        assert stranger.job(job.id).cancel()

    house.wait_hung_up()
    assert_ended_once(job)


def test_a_running_job_hears_of_its_cancel_without_having_to_write(own_house: House, start_worker: StartWorker) -> None:
    """In a silence after its first token, and with no lease due for minutes, the connection is closed all the same."""
    start_worker(lease_seconds=600)
    own_house.hold(hold_after=1)
    job = own_house.queue.generate(MODEL, "Why?")
    read_until(job, Delta)

    assert job.cancel()

    own_house.wait_hung_up()


def test_a_cancel_whose_message_is_lost_is_learned_of_all_the_same(own_house: House, start_worker: StartWorker) -> None:
    """The worker's subscription is cut before, and it cannot subscribe again in time: the lease's renewal tells it."""
    worker = start_worker(lease_seconds=3)
    own_house.hold(hold_after=1)
    job = own_house.queue.generate(MODEL, "Why?")
    read_until(job, Delta)

    worker.signal(signal.SIGSTOP)
    own_house.redis.client_kill_filter(_type="pubsub")
    assert job.cancel()
    worker.signal(signal.SIGCONT)

    own_house.wait_hung_up()
    assert_ended_once(job)


def test_an_unknown_id_is_not_found(house: House) -> None:
    """Cancel, status and result of a job that never was raise JobNotFound."""
    job = house.queue.job("no-such-job")

    with pytest.raises(JobNotFound):
        job.cancel()
    with pytest.raises(JobNotFound):
        job.status()
    with pytest.raises(JobNotFound):
        job.result(30)

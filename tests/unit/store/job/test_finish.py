"""finish.lua and release.lua: each acts once, however often it is sent, and gives exactly its own slot back."""

import json

import pytest

from embedded.scripted.fleet import MODEL, Fleet, Message, make_error, make_outcome
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import MOST_RESULT_BYTES, Completed
from tests.unit.store.job.ends import finish


def _finish(fleet: Fleet, claimed: ClaimedJob, state: str = "completed", events: int = 0) -> str:
    return fleet.run(finish(claimed, state, events)).word


def test_the_end_is_one_step(fleet: Fleet) -> None:
    """Terminal event, state, result, expiry, the freed slot and its next job come together."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    following = fleet.submit()
    fleet.take_messages()

    store.complete(claimed, make_outcome("done"))

    record = fleet.record(job.id)
    assert record["state"] == "completed"
    assert json.loads(record["result"])["text"] == "done"
    last = fleet.log(job.id)[-1]
    assert (last["type"], last["attempt"], last["result"]["text"]) == ("completed", 1, "done")
    assert f"{last['at']:.3f}" == record["finished_at"]
    assert fleet.redis.ttl(fleet.keys.record(job.id)) > 86_000
    assert fleet.redis.ttl(fleet.keys.events(job.id)) > 86_000
    assert fleet.take_messages() == [Message(following.id, "generate", "alpha")]
    assert fleet.slots() == {following.id: MODEL}


def test_a_result_whose_text_is_lost_does_not_complete(fleet: Fleet) -> None:
    """Redis lost events that it had confirmed: the log is not the text of the result, and the job runs again."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    fleet.append(claimed, 1)

    assert _finish(fleet, claimed, events=2) == "FENCED"
    assert fleet.record(job.id)["state"] == "running"
    assert fleet.slots() == {job.id: MODEL}

    assert _finish(fleet, claimed, events=1) == "OK"


def test_a_finish_sent_twice_acts_once(fleet: Fleet) -> None:
    """The second one finds it done, says so, and gives no slot of anybody's back."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    following = fleet.submit()

    answers = [_finish(fleet, claimed) for _ in range(2)]

    assert answers == ["OK", "OK"]
    assert fleet.types(job.id) == ["queued", "started", "completed"]
    assert fleet.slots() == {following.id: MODEL}


def test_a_finish_after_a_cancel_gives_the_slot_back_and_says_so(fleet: Fleet) -> None:
    """Who comes too late changes nothing of the end."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    job.cancel()
    assert list(fleet.slots()) == [job.id]

    assert _finish(fleet, claimed) == "CANCELLED"

    assert fleet.types(job.id) == ["queued", "started", "cancelled"]
    assert (fleet.slots(), fleet.leases()) == ({}, [])
    assert "result" not in fleet.record(job.id)


def test_an_older_attempt_cannot_end_the_job(fleet: Fleet) -> None:
    """Neither while the job waits for its next attempt, nor while that runs."""
    store = fleet.add_host()
    job, old = fleet.start_job(store)
    store.release(old, make_error(), 0, counts=True)
    assert _finish(fleet, old) == "FENCED"
    fleet.claim(store, job)

    assert _finish(fleet, old) == "FENCED"

    assert fleet.record(job.id)["state"] == "running"
    assert list(fleet.slots()) == [job.id]


def test_a_release_that_counts_takes_a_try(fleet: Fleet) -> None:
    """A failure uses up one of the tries; a worker's orderly stop does not. The attempt's number rises either way."""
    store = fleet.add_host()
    job, first = fleet.start_job(store)
    store.release(first, make_error(), 0, counts=False)
    second = fleet.claim(store, job)
    assert (second.attempt, second.tries) == (2, 1)
    assert second.fence != first.fence
    store.release(second, make_error(), 0, counts=True)

    third = fleet.claim(store, job)

    assert (third.attempt, third.tries) == (3, 2)


@pytest.mark.parametrize("jump", [-7200, 7200])
def test_the_clock_of_redis_does_not_count_towards_the_deadline(fleet: Fleet, jump: int) -> None:
    """It was set while an attempt ran, and another lost its worker: what the worker measured counts, and no more."""
    store = fleet.add_host()
    job, first = fleet.start_job(store)
    claimed_at = float(fleet.record(job.id)["claimed_at"])
    fleet.redis.hset(fleet.keys.record(job.id), "claimed_at", claimed_at - jump)
    store.release(first, make_error(), 0, counts=True, ran_seconds=2.5)
    assert fleet.claim(store, job).ran_seconds == 2.5

    fleet.redis.hset(fleet.keys.record(job.id), "claimed_at", claimed_at - jump)
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None

    assert fleet.claim(store, job).ran_seconds == 2.5


def test_a_released_job_keeps_its_place(fleet: Fleet) -> None:
    """It goes before everyone who was submitted later, and is rung for at once where a slot is free."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    later = fleet.submit()
    fleet.take_messages()

    store.release(claimed, make_error(), 0, counts=True)

    assert [message.job_id for message in fleet.take_messages()] == [job.id]
    assert fleet.waiting_jobs() == [later.id]
    assert fleet.types(job.id) == ["queued", "started", "retrying"]
    assert fleet.log(job.id)[-1]["error"]["code"] == "ollama_error"
    assert fleet.record(job.id)["state"] == "retrying"


def test_a_delayed_release_waits_outside(fleet: Fleet) -> None:
    """While its delay lasts a job is in nobody's way: the slot is free, and the next job has it."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    later = fleet.submit()

    store.release(claimed, make_error(), 30, counts=True)

    assert list(fleet.slots()) == [later.id]
    assert fleet.waiting_jobs() == []
    assert fleet.log(job.id)[-1]["delay_seconds"] == 30
    seconds, _ = fleet.redis.time()
    assert 25 < fleet.redis.zscore(f"{fleet.keys.prefix}:delayed", job.id) - seconds <= 31


def test_a_release_sent_twice_acts_once(fleet: Fleet) -> None:
    """Also when the job has been assigned, or claimed, again in between."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    for _ in range(2):
        store.release(claimed, make_error(), 0, counts=True)
    assert fleet.types(job.id) == ["queued", "started", "retrying"]
    again = fleet.claim(store, job)

    store.release(claimed, make_error(), 0, counts=True)

    assert fleet.record(job.id)["state"] == "running"
    assert list(fleet.slots()) == [job.id]
    assert again.tries == 2


def test_letting_go_of_a_cancelled_job_frees_its_slot_once(fleet: Fleet) -> None:
    """The connection to Ollama is closed: now, and not before, the slot is another's."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    following = fleet.submit()
    job.cancel()
    assert list(fleet.slots()) == [job.id]

    store.free_slot(claimed)
    store.free_slot(claimed)

    assert list(fleet.slots()) == [following.id]
    assert fleet.leases() == [f"{following.id} alpha"]
    assert fleet.types(job.id) == ["queued", "started", "cancelled"]


def test_the_word_of_an_attempt_is_told_what_became_of_it(fleet: Fleet) -> None:
    """`ok`, `cancelled` for a job that had ended, `fenced` for one that another has by now; also of a release."""
    store = fleet.add_host(slots=3)
    done, (cancelled, late), (lost, stale) = fleet.start_job(store), fleet.start_job(store), fleet.start_job(store)
    cancelled.cancel()
    fleet.expire_lease(lost.id)
    fleet.end_reaper_leadership()
    assert store.reap() is not None

    assert store.complete(done[1], make_outcome()) == "ok"
    assert store.complete(late, make_outcome()) == "cancelled"
    assert store.complete(stale, make_outcome()) == store.release(stale, make_error(), 0, counts=True) == "fenced"


def test_an_end_that_redis_refuses_ends_the_job_with_the_reason(fleet: Fleet) -> None:
    """A deterministic error is no outage: it is not sent again, and the job is `failed` with the text of the error."""
    store = fleet.add_host()
    turn = fleet.queue.chat(MODEL, conversation="c", message="a")
    claimed = fleet.claim(store, turn)
    fleet.redis.hset(fleet.keys.about("default", "c"), "ttl", "1e18")

    assert store.complete(claimed, Completed({"message": {}}, ({"role": "assistant", "content": "b"},))) == "ok"

    error = turn.status().error
    assert error is not None
    assert (error.code, "expire" in error.message.lower() or "integer" in error.message) == ("internal", True)
    assert fleet.types(turn.id) == ["queued", "started", "failed"]
    assert not fleet.slots()


def test_a_result_that_redis_cannot_take_ends_the_job_with_its_size(fleet: Fleet) -> None:
    """Redis closes the connection at an argument of more than 512 MiB, which looks like an outage for ever."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)

    assert store.complete(claimed, Completed({"text": "x" * MOST_RESULT_BYTES})) == "ok"

    error = job.status().error
    assert error is not None
    assert (error.code, str(MOST_RESULT_BYTES) in error.message) == ("internal", True)


def test_a_turn_of_ten_thousand_messages_is_kept(fleet: Fleet) -> None:
    """Lua's unpack takes some 8,000 values; the history is as long as it was."""
    store = fleet.add_host()
    turn = fleet.queue.chat(MODEL, conversation="c", message="a")
    messages = tuple({"role": "assistant", "content": str(number)} for number in range(10_000))

    assert store.complete(fleet.claim(store, turn), Completed({"message": {}}, messages)) == "ok"

    assert fleet.redis.llen(fleet.keys.conversation("default", "c")) == 10_000


@pytest.mark.parametrize("jump", [-7200, 7200])
def test_the_clock_of_redis_is_no_service_time(fleet: Fleet, jump: int) -> None:
    """It was set while the job ran: the estimate of the next ones goes by what the worker measured."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    assigned_at = float(fleet.record(job.id)["assigned_at"])
    fleet.redis.hset(fleet.keys.record(job.id), "assigned_at", assigned_at - jump)

    assert store.complete(claimed, make_outcome("done"), 2.0) == "ok"

    means = fleet.redis.hget(f"{fleet.keys.prefix}:service", MODEL)
    assert [float(mean) for mean in means.split()] == pytest.approx([2.0, 2.0], abs=0.01)

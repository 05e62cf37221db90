"""append.lua: the hot path, and everything that must not get through it."""

from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import LEASE_SECONDS, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.answers import Answer
from llamaq.store.connections import deadline
from llamaq.store.script_drivers import run
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import Flush, build_calls, read_outcomes
from llamaq.vocabulary.wire import dump_members


def test_an_append_writes_publishes_and_renews(fleet: Fleet) -> None:
    """One step: the entry in the log, the same on the channel behind its cursor, and a lease that runs anew."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    fleet.redis.zadd(fleet.keys.leases(), {f"{job.id} alpha": 1})
    with fleet.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(fleet.keys.events(job.id))
        pubsub.get_message(timeout=10)

        assert fleet.append(claimed, 1, text='quote " and \\ and é and 100%') == "OK"

        message = None
        while message is None:
            message = pubsub.get_message(timeout=10)
    ((cursor, entry),) = fleet.redis.xrevrange(fleet.keys.events(job.id), count=1)
    assert message["data"] == f"{cursor} {entry['event']}"
    event = fleet.log(job.id)[-1]
    assert (event["type"], event["attempt"], event["text"]) == ("delta", 1, 'quote " and \\ and é and 100%')
    seconds, _ = fleet.redis.time()
    assert fleet.redis.zscore(fleet.keys.leases(), f"{job.id} alpha") > seconds + LEASE_SECONDS - 2


def test_a_flush_sent_twice_is_written_once(fleet: Fleet) -> None:
    """Its number tells: also one that arrives behind its successor is not written again."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)

    answers = [fleet.append(claimed, number, text=str(number)) for number in (1, 1, 2, 1, 2, 3)]

    assert answers == ["OK"] * 6
    assert [event["text"] for event in fleet.log(job.id) if event["type"] == "delta"] == ["1", "2", "3"]


def test_a_flush_never_overtakes_the_one_before(fleet: Fleet) -> None:
    """Of a batch that Redis refused in part, the later flush is refused as well, until the missing one is there."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)

    assert fleet.append(claimed, 2, text="2") == "GAP"

    assert [fleet.append(claimed, number, text=str(number)) for number in (1, 2)] == ["OK", "OK"]
    assert [event.get("text") for event in fleet.log(job.id)[2:]] == ["1", "2"]


def test_a_new_attempt_counts_its_flushes_from_the_start(fleet: Fleet) -> None:
    """The numbers belong to the attempt."""
    store = fleet.add_host()
    job, first = fleet.start_job(store)
    fleet.append(first, 1, text="old")
    store.release(first, make_error(), 0, counts=True)
    second = fleet.claim(store, job)

    assert fleet.append(second, 1, text="new") == "OK"

    assert fleet.log(job.id)[-1]["text"] == "new"


def test_an_older_attempt_is_fenced(fleet: Fleet) -> None:
    """After the job went back, while it waits and while the next attempt runs, the old one writes nothing."""
    store = fleet.add_host()
    job, old = fleet.start_job(store)
    store.release(old, make_error(), 0, counts=True)
    assert (fleet.append(old, 1, text="late"), fleet.renew(old)) == ("FENCED", "FENCED")
    new = fleet.claim(store, job)

    assert (fleet.append(old, 1, text="late"), fleet.renew(old)) == ("FENCED", "FENCED")

    assert (fleet.append(new, 1, text="good"), fleet.renew(new)) == ("OK", "OK")
    assert [event.get("text") for event in fleet.log(job.id)] == [None, None, None, None, "good"]


def test_an_ended_job_takes_no_more_words(fleet: Fleet) -> None:
    """Cancelled, or completed by itself: the answer says stop, and the terminal event stays the last one."""
    store = fleet.add_host(slots=2)
    cancelled, first = fleet.start_job(store)
    completed, second = fleet.start_job(store)
    cancelled.cancel()
    store.complete(second, make_outcome())

    assert [fleet.append(claimed, 1, text="late") for claimed in (first, second)] == ["CANCELLED"] * 2
    assert [fleet.renew(claimed) for claimed in (first, second)] == ["CANCELLED"] * 2
    assert fleet.types(cancelled.id)[-1] == "cancelled"
    assert fleet.types(completed.id)[-1] == "completed"


def test_a_job_whose_record_is_gone_takes_no_more_words(fleet: Fleet) -> None:
    """A worker that was frozen for a day does not bring a record or a log back to life."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    job.cancel()
    fleet.redis.delete(fleet.keys.record(job.id), fleet.keys.events(job.id))

    assert fleet.append(claimed, 1, text="late") == "FENCED"
    store.free_slot(claimed)

    assert fleet.redis.exists(fleet.keys.record(job.id), fleet.keys.events(job.id)) == 0


def test_a_renewal_gives_no_lease_to_one_who_has_none(fleet: Fleet) -> None:
    """A lease exists exactly while the slot is held: renewing never makes one."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    store.complete(claimed, make_outcome())

    fleet.renew(claimed)
    fleet.append(claimed, 1, text="late")

    assert fleet.leases() == []


def test_an_attempt_that_redis_has_forgotten_is_fenced(fleet: Fleet) -> None:
    """After a failover that lost the claim, another attempt has the same number; the first one writes nothing more."""
    store = fleet.add_host()
    job = fleet.submit()
    keys = [key for key in fleet.redis.scan_iter(f"{fleet.keys.prefix}*") if isinstance(key, str)]
    with redis.Redis.from_url(fleet.url) as raw:
        before = {key: raw.dump(key) for key in keys}
        lost = fleet.claim(store, job)
        assert fleet.append(lost, 1, text="A1 ") == "OK"
        raw.delete(*(key for key in raw.scan_iter(f"{fleet.keys.prefix}*")))
        for key, value in before.items():
            raw.restore(key, 0, value)
    assert (fleet.append(lost, 2, text="A2 "), fleet.renew(lost)) == ("FENCED", "FENCED")

    found = fleet.claim(store, job)

    assert (found.attempt, lost.attempt) == (1, 1)
    assert fleet.append(found, 1, text="B1 ") == "OK"
    assert (fleet.append(lost, 2, text="A2 "), fleet.renew(lost)) == ("FENCED", "FENCED")
    assert store.complete(lost, make_outcome()) == "fenced"
    assert [event.get("text") for event in fleet.log(job.id)] == [None, None, "B1 "]


def test_a_damaged_log_holds_up_no_other_attempt(fleet: Fleet) -> None:
    """Of three attempts in one call the middle one has a damaged log; the others are written."""
    store = fleet.add_host(slots=3)
    running = [fleet.start_job(store) for _ in range(3)]
    log = fleet.keys.events(running[1][0].id)
    fleet.redis.rename(log, f"{log}:aside")
    fleet.redis.set(log, "not a log")

    first, damaged, last = _together(fleet, running)

    assert (first, last) == ("OK", "OK")
    assert isinstance(damaged, redis.ResponseError)
    assert "WRONGTYPE" in str(damaged)
    fleet.redis.rename(f"{log}:aside", log)
    assert _together(fleet, running) == ["OK"] * 3
    for job, _ in running:
        assert [event.get("text") for event in fleet.log(job.id)[2:]] == ["a", "b"]


def test_a_state_of_redis_is_an_error_of_the_whole_call(prefix: str) -> None:
    """A replica that takes no writes is no fault of an attempt: the client has to see the error, and connects again."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        flushes = [_two_events(fleet.start_job(fleet.add_host(slots=2))[1]) for _ in range(2)]
        fleet.renew(flushes[0].job)  # Redis knows the script
        fleet.redis.replicaof("127.0.0.1", "1")
        with redis.Redis.from_url(server.url) as client:
            (call,) = build_calls(fleet.keys, LEASE_SECONDS, flushes)
            with pytest.raises(redis.ReadOnlyError):
                client.execute_command(
                    "EVALSHA", call.script.sha, len(call.keys), *call.keys, prefix, LEASE_SECONDS, *call.rest
                )
        fleet.close()


def test_many_flushes_go_in_several_calls(fleet: Fleet) -> None:
    """At most 64 attempts or a million characters in one, and the outcomes are in the order of the flushes."""
    claimed = fleet.start_job(fleet.add_host())[1]
    flushes = [Flush(claimed, "lease", renews=False, events=[(1, "delta", "x" * 400_000)]) for _ in range(5)]
    flushes += [Flush(claimed, "lease", renews=True, events=()) for _ in range(70)]

    made = build_calls(fleet.keys, LEASE_SECONDS, flushes)

    assert [len(call.keys) // 2 for call in made] == [2, 2, 64, 7]
    sizes = [len(call.keys) // 2 for call in made]
    answers = [Answer(["OK", "words", ["OK"] * size, "cursors", [""] * size]) for size in sizes]
    found = read_outcomes([answers[0], error := ValueError(), *answers[2:]], flushes)
    assert [each.word for each in found] == ["OK"] * 2 + [error] * 2 + ["OK"] * 71


def _two_events(claimed: ClaimedJob) -> Flush:
    events = [(number, "delta", dump_members(text=text)) for number, text in enumerate("ab", start=1)]
    return Flush(claimed, f"{claimed.id} alpha", renews=True, events=events)


def _together(fleet: Fleet, running: list[tuple[Job[Any], ClaimedJob]]) -> list[str | Exception]:
    """The outcomes of two events of each attempt, in one call."""
    flushes = [_two_events(claimed) for _, claimed in running]
    (call,) = build_calls(fleet.keys, LEASE_SECONDS, flushes)
    return [each.word for each in read_outcomes([run(fleet.redis, call)], flushes)]


def test_the_status_tells_how_far_the_answer_is(fleet: Fleet) -> None:
    """The pieces so far, and the time of the last one. A progress event is none; another attempt begins with none."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store)
    assert (job.status().tokens, job.status().last_token_at) == (0, None)

    def flush(number: int, kind: str, pieces: int) -> None:
        event = (number, kind, dump_members(text="x"))
        sent = Flush(claimed, f"{claimed.id} alpha", renews=True, events=[event], pieces=pieces)
        (call,) = build_calls(fleet.keys, LEASE_SECONDS, [sent])
        assert run(fleet.redis, call).texts("words") == ["OK"]

    flush(1, "delta", 7)
    status = job.status()
    assert status.tokens == 7
    assert status.last_token_at is not None
    assert status.last_token_at.timestamp() == fleet.log(job.id)[-1]["at"]
    flush(2, "progress", 9)
    assert job.status().tokens == 7
    store.release(claimed, make_error(), 0, counts=True)
    fleet.claim(store, job)
    assert (job.status().tokens, job.status().last_token_at) == (0, None)


def test_a_write_that_fails_over_one_connection_has_one_limit(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that follow it have what is left of the time of a call, and not their own beside it."""
    claimed = fleet.start_job(fleet.add_host())[1]
    left: list[float] = []

    def refused(*_: object) -> None:
        left.append(deadline.seconds_left())
        raise redis.ConnectionError("away")

    monkeypatch.setattr(fleet.redis, "send", refused)
    monkeypatch.setattr(fleet.redis, "execute_all", refused)
    with pytest.raises(redis.ConnectionError):
        fleet.renew(claimed)

    assert left[0] <= fleet.redis.try_seconds < left[1] <= fleet.redis.limit_seconds

"""Events that are appended without a script: only while the attempt has its fence, and with the same effects."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import LEASE_SECONDS, Fleet, make_error, make_outcome
from llamaq.store.clock import Clock
from llamaq.store.worker.attempt_logs import AttemptLogs
from llamaq.store.worker.outcome import Completed
from llamaq.vocabulary.wire import dump_members
from tests.unit.store.job.attempts import Attempt, Wire, let_lease_stray


def test_after_the_first_event_no_script_is_run(fleet: Fleet) -> None:
    """Entries and messages are those of the script, in one step: the number is counted, and the time is Redis' own."""
    attempt = Attempt(fleet)
    with fleet.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(fleet.keys.events(attempt.job.id))
        pubsub.get_message(timeout=10)
        text = 'quote " and \\ and \u00e9 and 100% and \U0001f600'

        assert attempt.say(text, "more") == "OK"

        said = [pubsub.get_message(timeout=10) for _ in range(2)]
    assert attempt.wire.sent == ["MULTI", "XADD", "PUBLISH", "XADD", "PUBLISH", "EXEC", "WATCH", "GET", "TIME"]
    assert attempt.texts == ["first", text, "more"]
    entries = fleet.redis.xrange(fleet.keys.events(attempt.job.id))[-2:]
    assert [message["data"] for message in said if message] == [
        f"{cursor} {entry['event']}" for cursor, entry in entries
    ]
    first, *later = fleet.log(attempt.job.id)[-3:]
    assert all(event.keys() == first.keys() and event["attempt"] == 1 for event in later)
    assert first["at"] <= later[0]["at"] <= float("{}.{:06}".format(*fleet.redis.time()))


class Resting(Clock):
    """A clock that notes how long it sleeps, and what `wire` has sent last."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.rests = wire, list[tuple[float, str]]()

    def sleep(self, seconds: float) -> None:
        self.rests.append((seconds, self.wire.sent[-1]))


def test_the_pause_is_between_a_transaction_and_its_reply(fleet: Fleet) -> None:
    """A thread that sleeps then finds the reply. What goes by the script does not wait."""
    attempt = Attempt(fleet)
    clock = Resting(attempt.wire)
    attempt.logs = AttemptLogs(attempt.wire, fleet.keys, LEASE_SECONDS, clock, pause_seconds=0.5)

    assert attempt.say("by the script") == "OK"
    assert clock.rests == []
    assert attempt.say("by a transaction") == "OK"

    assert clock.rests == [(0.5, "TIME")]
    assert attempt.texts == ["first", "by the script", "by a transaction"]


def test_ids_are_in_order_as_texts_too(fleet: Fleet) -> None:
    """Some readers compare them so. The last entry that a script has written may be one of several in a millisecond."""
    attempt = Attempt(fleet)
    assert attempt.place is not None
    late = f"{attempt.place.cursor.partition('-')[0]}-8"
    fleet.redis.xadd(fleet.keys.events(attempt.job.id), {"event": "{}"}, id=late)
    attempt.place = attempt.place._replace(cursor=late)
    for number in range(12):
        assert attempt.say(str(number)) == "OK"
    attempt.store.complete(attempt.claimed, make_outcome())

    cursors = [cursor for cursor, _ in fleet.redis.xrange(fleet.keys.events(attempt.job.id))]

    assert cursors == sorted(cursors)


def let_lease_lapse(attempt: Attempt) -> None:
    """Let the lease lapse; and another attempt begins."""
    attempt.fleet.expire_lease(attempt.job.id)
    attempt.fleet.end_reaper_leadership()
    attempt.store.reap()
    attempt.fleet.claim(attempt.store, attempt.job)


def let_last_lease_lapse(attempt: Attempt) -> None:
    """Let the lease lapse where no try is left."""
    attempt.fleet.redis.hset(attempt.fleet.keys.record(attempt.job.id), "max_attempts", 1)
    attempt.fleet.expire_lease(attempt.job.id)
    attempt.fleet.end_reaper_leadership()
    attempt.store.reap()


ENDINGS: dict[str, Callable[[Attempt], object]] = {
    "cancel": lambda attempt: attempt.job.cancel(),
    "cancel without the SDK": lambda attempt: attempt.store.call_off(attempt.job.id, "over"),
    "delete": lambda attempt: attempt.fleet.queue.delete(attempt.job.id),
    "release": lambda attempt: attempt.store.release(attempt.claimed, make_error(), 0, counts=True),
    "fail": lambda attempt: attempt.store.fail(attempt.claimed, make_error()),
    "complete": lambda attempt: attempt.store.complete(attempt.claimed, make_outcome()),
    "lapse": let_lease_lapse,
    "lapse for good": let_last_lease_lapse,
    "stray": let_lease_stray,
    "flush": lambda attempt: attempt.fleet.redis.flushdb(),
}


@pytest.mark.parametrize("when", ["before", "MULTI", "EXEC", "WATCH", "GET"])
@pytest.mark.parametrize("how", ENDINGS)
def test_an_attempt_without_its_fence_writes_nothing(fleet: Fleet, how: str, when: str) -> None:
    """Whoever took it, and whichever command of the transaction, or of the one before, came next."""
    attempt = Attempt(fleet)
    log = fleet.keys.events(attempt.job.id)

    def end() -> None:
        ENDINGS[how](attempt)
        seen.extend(fleet.redis.xrange(log))

    seen: list[Any] = []
    if when == "before":
        end()
    else:
        attempt.wire.before[when] = end
        attempt.say("second")
    word = attempt.say("late")

    # The end that the attempt itself has written leaves the generation as it is; the log refuses what comes late.
    assert word in {"CANCELLED", "GAP" if how in {"fail", "complete"} else "FENCED"}
    assert "late" not in attempt.texts
    # The transaction came before the end where its EXEC did.
    assert ('"second"' in str(seen)) == (when in {"WATCH", "GET"} and how not in {"delete", "flush"})
    assert fleet.redis.xrange(log) == seen


def test_another_attempt_at_the_host_writes_on(fleet: Fleet) -> None:
    """One transaction has the events of both; Redis drops it, and the script then refuses one of them."""
    lost, kept = Attempt(fleet), Attempt(fleet)
    kept.logs = lost.logs
    kept.place = None
    assert kept.say("a") == "OK"
    lost.wire.before["EXEC"] = lost.job.cancel

    words = [
        one.keep_place(written)
        for one, written in zip((lost, kept), lost.logs.write([lost.flush("x"), kept.flush("b")]), strict=True)
    ]

    assert words == ["CANCELLED", "OK"]
    assert (lost.texts, kept.texts) == (["first"], ["first", "a", "b"])
    lost.wire.sent.clear()
    assert kept.say("c") == "OK"
    assert "EVALSHA" not in lost.wire.sent

    Attempt(fleet).job.cancel()
    assert [kept.say("d", renews=True), kept.say("e")] == ["OK", "OK"]
    assert lost.wire.sent.count("EVALSHA") == 1


def test_the_end_of_a_job_leaves_the_others_of_the_host_alone(fleet: Fleet) -> None:
    """A host with many slots has many ends: no attempt goes by the script for the end of another one."""
    ended, kept = Attempt(fleet), Attempt(fleet)
    assert kept.say("a") == "OK"
    kept.wire.sent.clear()

    assert ended.store.complete(ended.claimed, make_outcome()) == "ok"

    assert kept.say("b") == "OK"
    assert "EVALSHA" not in kept.wire.sent


def test_a_lost_answer_writes_nothing_twice(fleet: Fleet) -> None:
    """The transaction was run, and nobody knows: the script finds its entries in the log, and counts on."""
    attempt = Attempt(fleet)
    attempt.wire.before["TIME"] = lambda: fleet.redis.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")

    assert attempt.say("second", "third") == "OK"
    assert attempt.say("fourth") == "OK"

    assert attempt.texts == ["first", "second", "third", "fourth"]


def test_a_new_connection_watches_nothing_yet(fleet: Fleet) -> None:
    """An attempt that was not in the call that failed has to be confirmed again."""
    attempt, other = Attempt(fleet), Attempt(fleet)
    other.logs, other.place = attempt.logs, None
    assert other.say("second") == "OK"
    attempt.wire.before["MULTI"] = lambda: fleet.redis.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
    assert attempt.say("second") == "OK"

    other.job.cancel()

    assert other.say("late") == "CANCELLED"
    assert other.texts == ["first", "second"]


@pytest.mark.parametrize("renews", [True, False])
def test_events_that_redis_has_lost_are_noticed(prefix: str, renews: bool) -> None:
    """Redis comes back without its last second, and only another attempt was in the call that failed."""
    with EmbeddedRedis.start(appendonly=False) as server:
        fleet = Fleet(server.url, prefix)
        attempt, other = Attempt(fleet), Attempt(fleet)
        other.logs, other.place = attempt.logs, None
        other.say("second")
        fleet.redis.execute_command("SAVE")
        assert attempt.say("second", "third") == "OK"
        server.kill()
        server.restart()

        assert [other.say("third"), other.say("fourth")] == ["OK", "OK"]
        words = [attempt.say(renews=True)] if renews else []
        words.append(attempt.say("fourth"))

        assert words[-1] == "GAP"
        assert attempt.store.complete(attempt.claimed, Completed(make_outcome().result, events=4)) == "fenced"
        attempt.logs.release()
        fleet.close()


def test_after_a_dropped_transaction_each_attempt_is_confirmed_anew(fleet: Fleet) -> None:
    """Also where the generation is as it was: a replica that lagged behind has taken over, and back."""
    attempt, other = Attempt(fleet), Attempt(fleet)
    other.logs, other.place, key = attempt.logs, None, fleet.keys.generation("alpha")
    assert other.say("second") == "OK"
    attempt.wire.before["EXEC"] = lambda: fleet.redis.set(key, fleet.redis.get(key))
    assert attempt.say("second") == "OK"
    attempt.wire.sent.clear()

    assert other.say("third") == "OK"

    assert "EVALSHA" in attempt.wire.sent


def test_a_log_that_was_deleted_ends_the_attempt(fleet: Fleet) -> None:
    """No reader can have the whole text, and a log with the rest of it would look like one. Others go on."""
    attempt, other = Attempt(fleet), Attempt(fleet)
    other.logs, other.place = attempt.logs, None
    assert other.say("a") == "OK"
    attempt.wire.sent.clear()
    fleet.redis.delete(fleet.keys.events(attempt.job.id))

    written = attempt.logs.write([attempt.flush("second"), other.flush("b")])

    assert [attempt.keep_place(written[0]), other.keep_place(written[1])] == ["GAP", "OK"]
    assert "EVALSHA" not in attempt.wire.sent
    assert not fleet.redis.exists(fleet.keys.events(attempt.job.id))
    assert other.texts == ["first", "a", "b"]


def test_a_renewal_goes_by_the_script(fleet: Fleet) -> None:
    """It checks the fence, also where nothing has written the generation; the events behind it need no script again."""
    attempt = Attempt(fleet)
    fleet.redis.hset(fleet.keys.record(attempt.job.id), "fence", "another")  # by hand

    assert attempt.say("second", renews=True) == "FENCED"

    fleet.redis.hset(fleet.keys.record(attempt.job.id), "fence", attempt.claimed.fence)
    attempt.number = 1
    assert [attempt.say("second", renews=True), attempt.say("third")] == ["OK", "OK"]
    assert attempt.texts == ["first", "second", "third"]
    assert attempt.wire.sent[-3:] == ["WATCH", "GET", "TIME"]
    assert [attempt.say(renews=True), attempt.say("fourth")] == ["OK", "OK"]
    assert attempt.wire.sent[-3:] == ["WATCH", "GET", "TIME"]


def test_what_is_no_piece_goes_by_the_script(fleet: Fleet) -> None:
    """So the last entry of a log tells when the answer went on, wherever the record does not."""
    attempt = Attempt(fleet)
    assert attempt.say("second") == "OK"
    flush = attempt.flush("x")._replace(events=[(3, "progress", dump_members(stage="repairing"))])

    assert attempt.keep_place(attempt.logs.write([flush])[0]) == "OK"

    assert attempt.wire.sent.count("EVALSHA") == 1
    assert (attempt.job.status().tokens, fleet.types(attempt.job.id)[-2:]) == (3, ["delta", "progress"])


def test_a_job_whose_events_were_lost_does_not_complete(fleet: Fleet) -> None:
    """The end counts those that no script has counted."""
    attempt = Attempt(fleet)
    attempt.say("second")

    assert attempt.store.complete(attempt.claimed, Completed(make_outcome().result, events=3)) == "fenced"
    assert attempt.store.complete(attempt.claimed, Completed(make_outcome().result, events=2)) == "ok"


def test_a_redis_without_memory_holds_the_events(fleet: Fleet) -> None:
    """Redis refuses the transaction and the script; then nothing is missing."""
    attempt = Attempt(fleet)
    fleet.redis.execute_command("CONFIG SET", "maxmemory", "1")
    try:
        word = attempt.say("second")
    finally:
        fleet.redis.execute_command("CONFIG SET", "maxmemory", "0")

    assert isinstance(word, redis.ResponseError)
    attempt.number = 1
    assert attempt.say("second") == "OK"
    assert attempt.texts == ["first", "second"]

"""The scribe in trouble: answers that get lost, a Redis that is away, attempts that are over; and leases meanwhile."""

import threading
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.connection import Client, connect
from tasks.attempt.attempt import Attempt
from tests.unit.worker.writing import Writing, begin, deltas, until
from worker.attempt.event_writer import EventWriter


class Forgetful:
    """A client that loses the answers of its first pipelines: Redis has done all, and nobody knows."""

    def __init__(self, client: Client, losses: int) -> None:
        self._client = client
        self.left = losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def pipeline(self, **options: Any) -> Any:
        pipe = self._client.pipeline(**options)
        execute = pipe.execute

        def lose(**how: Any) -> Any:
            answers = execute(**how)
            if self.left:
                self.left -= 1
                raise redis.ConnectionError("the answer got lost")
            return answers

        pipe.execute = lose
        return pipe


def test_what_is_sent_again_is_written_once(fleet: Fleet, writing: Writing) -> None:
    """The answer got lost three times, so the same flush went out four times."""
    client = Forgetful(fleet.redis, 3)
    job, _, transcript = begin(fleet, writing(client=client))

    transcript.delta("a")
    transcript.delta("b")
    transcript.close()

    assert client.left == 0
    assert "".join(deltas(fleet, job)) == "ab"


def test_an_outage_of_redis_costs_nothing_but_time(writing: Writing, prefix: str) -> None:
    """Redis is killed and comes back: what was said meanwhile follows what was written before, each once."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        with connect(server.url) as client:
            client.config_set("appendfsync", "always")
            scribe = writing(flush_seconds=0.001, client=client)
            job, claimed, transcript = begin(fleet, scribe)
            transcript.delta("before ")
            until(lambda: deltas(fleet, job) == ["before "])
            server.kill()
            for text in ("while ", "it ", "was ", "away "):
                transcript.delta(text)
            server.restart()
            transcript.delta("after")
            transcript.close()

            assert "".join(deltas(fleet, job)) == "before while it was away after"
            assert fleet.types(job.id)[:2] == ["queued", "started"]
            assert fleet.renew(claimed) == "OK"
            scribe.close()  # before its connections go
        fleet.close()


class Call:
    """A call to Ollama that only knows whether it was cut."""

    def __init__(self) -> None:
        self.cut = threading.Event()

    def abort(self) -> None:
        self.cut.set()


def test_a_cancelled_attempt_is_stopped_by_its_next_word(fleet: Fleet, writing: Writing) -> None:
    """The cancel channel may miss it; the answer to a write does not. The call to Ollama is cut."""
    scribe = writing()
    job, claimed = fleet.running(fleet.host())
    attempt = Attempt(job.id)
    transcript = scribe.open(claimed, attempt, silent=False)
    call = Call()
    with attempt.during(call):
        job.cancel()
        transcript.delta("x")
        assert call.cut.wait(60)
    transcript.close()

    assert attempt.stopped == "cancelled"
    assert fleet.types(job.id) == ["queued", "started", "cancelled"]


def test_a_fenced_attempt_is_stopped_without_a_word(fleet: Fleet, writing: Writing) -> None:
    """A renewal is enough to learn that another attempt has the job."""
    store = fleet.host()
    job, old = fleet.running(store)
    fleet.lapse(job.id)
    fleet.patient()
    store.rescue()
    fleet.claim(store, job)
    attempt = Attempt(job.id)
    call = Call()
    with attempt.during(call):
        transcript = writing(lease_seconds=0.03).open(old, attempt, silent=False)
        assert call.cut.wait(60)
    transcript.delta("late")
    transcript.close()

    assert attempt.stopped == "fenced"
    assert "delta" not in fleet.types(job.id)


def test_a_lease_is_kept_though_nothing_is_said(fleet: Fleet, writing: Writing) -> None:
    """A model that loads for minutes says nothing; the job stays its worker's. Once closed, it is renewed no longer."""
    job, _, transcript = begin(fleet, writing(lease_seconds=0.3))
    lease = f"{job.id} alpha"
    seen = {fleet.redis.zscore(fleet.keys.leases(), lease)}

    def renewed() -> bool:
        seen.add(fleet.redis.zscore(fleet.keys.leases(), lease))
        return len(seen) > 3

    until(renewed)
    transcript.close()


def test_a_closed_transcript_is_renewed_no_longer(fleet: Fleet, writing: Writing) -> None:
    """What has ended keeps no lease alive, while another's is kept by the same scribe."""
    scribe = writing(lease_seconds=0.1)
    job, _, closed = begin(fleet, scribe)
    other, _, transcript = begin(fleet, scribe)
    closed.close()
    fleet.lapse(job.id)
    fleet.lapse(other.id)

    until(lambda: fleet.redis.zscore(fleet.keys.leases(), f"{other.id} alpha") > 1)

    assert fleet.redis.zscore(fleet.keys.leases(), f"{job.id} alpha") == 1
    transcript.close()


def test_words_that_are_not_json_end_their_own_attempt_alone(fleet: Fleet, writing: Writing) -> None:
    """A tool call with 1e999 in it is refused where it is said; the scribe writes on for the others."""
    scribe = writing()
    _, _, bad = begin(fleet, scribe)
    job, _, good = begin(fleet, scribe)

    with pytest.raises(ValueError, match="JSON"):
        bad.delta(tool_calls=[{"function": {"name": "f", "arguments": {"x": float("inf")}}}])
    good.delta("x")
    good.close()
    bad.close()

    assert deltas(fleet, job) == ["x"]


def test_closing_the_scribe_lets_everyone_go(prefix: str) -> None:
    """At the end of a worker nobody waits for a Redis that does not come back."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        scribe = EventWriter(fleet.redis, fleet.keys, SYSTEM, 0.001, LEASE_SECONDS)
        _, _, transcript = begin(fleet, scribe)
        server.kill()
        transcript.delta("x")
        waiting = threading.Thread(target=transcript.close)
        waiting.start()

        scribe.close()

        waiting.join(60)
        assert not waiting.is_alive()
        fleet.close()


def test_what_one_job_cannot_write_keeps_no_other_waiting(fleet: Fleet, writing: Writing) -> None:
    """The script fails for one job, whose record is damaged: others' words are written, each once; its own later."""
    scribe = writing()
    bad_job, _, bad = begin(fleet, scribe)
    good_job, _, good = begin(fleet, scribe)
    fleet.redis.hset(fleet.keys.record(bad_job.id), "flush", "damaged")

    with scribe.changed:  # both go out in one batch
        bad.delta("x")
        good.delta("a")
    until(lambda: deltas(fleet, good_job) == ["a"])
    until(lambda: bad.retry_at)
    bad.delta("y")
    good.delta("b")
    good.close()

    assert deltas(fleet, good_job) == ["a", "b"]
    assert deltas(fleet, bad_job) == []
    fleet.redis.hset(fleet.keys.record(bad_job.id), "flush", "0")
    bad.close()
    assert "".join(deltas(fleet, bad_job)) == "xy"


def test_a_redis_that_forgot_a_flush_ends_the_attempt(fleet: Fleet, writing: Writing) -> None:
    """A restart lost the last second: no reader could get the whole text, so the attempt ends, and nobody waits."""
    scribe = writing(flush_seconds=0.001)
    job, claimed = fleet.running(fleet.host())
    attempt = Attempt(job.id)
    transcript = scribe.open(claimed, attempt, silent=False)
    call = Call()
    transcript.delta("confirmed")
    until(lambda: transcript.idle)
    fleet.redis.hset(fleet.keys.record(job.id), "flush", "0")

    with attempt.during(call):
        transcript.delta("more")
        assert call.cut.wait(60)
    transcript.close()

    assert attempt.stopped == "fenced"
    assert deltas(fleet, job) == ["confirmed"]

"""The event writer in trouble: lost answers, a Redis that is away, attempts that are over; and leases meanwhile."""

import threading
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from tasks.attempt.stoppable import Attempt
from tests.unit.worker.writing import NEVER, Later, Writing, begin, deltas, run_supervised, wait_until
from worker.attempt.event_writer import EventWriter


class Forgetful:
    """A client that loses its first answers, after Redis has acted on it."""

    def __init__(self, client: Any, losses: int, error: Exception | None = None) -> None:
        self._client = client
        self._error = error or redis.ConnectionError("the answer got lost")
        self.left = losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def execute_all(self, commands: Any) -> Any:
        return self._lose(self._client.execute_all(commands))

    def receive(self, connection: Any, commands: Any) -> Any:
        return self._lose(self._client.receive(connection, commands))

    def _lose(self, answer: Any) -> Any:
        if self.left:
            self.left -= 1
            raise self._error
        return answer


def test_what_is_sent_again_is_written_once(fleet: Fleet, writing: Writing) -> None:
    """The answer got lost three times, so the same flush went out four times."""
    client = Forgetful(fleet.redis, 3)
    job, _, buffer = begin(fleet, writing(client=client))

    buffer.delta("a")
    buffer.delta("b")
    buffer.close()

    assert client.left == 0
    assert "".join(deltas(fleet, job)) == "ab"


def test_an_outage_is_one_warning(fleet: Fleet, writing: Writing) -> None:
    """However often the events are sent again meanwhile."""
    with capture_logs() as logs:
        job, _, buffer = begin(fleet, writing(client=Forgetful(fleet.redis, 4)))
        buffer.delta("a")
        buffer.close()

    assert deltas(fleet, job) == ["a"]
    assert [line["event"] for line in logs] == ["events of running jobs are held: Redis does not take them"]


def test_an_exception_of_no_known_type_costs_no_event(fleet: Fleet) -> None:
    """The batch that was under way is sent again, and written once."""
    client = Forgetful(fleet.redis, 2, type("NeverSeen", (Exception,), {})("out of the blue"))
    writer = EventWriter(client, fleet.keys, SYSTEM, NEVER, NEVER)  # no renewal sends it
    with run_supervised(writer) as failed:
        job, _, buffer = begin(fleet, writer)
        buffer.delta("a")
        buffer.close()

    assert deltas(fleet, job) == ["a"]
    assert failed == ["event-writer"] * 2


def test_an_outage_of_redis_costs_nothing_but_time(prefix: str) -> None:
    """Redis is killed and comes back: what was said meanwhile follows what was written before, each once."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        with connect(server.url) as client:
            client.execute_command("CONFIG SET", "appendfsync", "always")
            writer = EventWriter(client, fleet.keys, SYSTEM, 0.001, LEASE_SECONDS)
            with run_supervised(writer):
                job, claimed, buffer = begin(fleet, writer)
                buffer.delta("before ")
                wait_until(lambda: deltas(fleet, job) == ["before "])
                server.kill()
                for text in ("while ", "it ", "was ", "away "):
                    buffer.delta(text)
                server.restart()
                buffer.delta("after")
                buffer.close()

                assert "".join(deltas(fleet, job)) == "before while it was away after"
                assert fleet.types(job.id)[:2] == ["queued", "started"]
                assert fleet.renew(claimed) == "OK"
        fleet.close()


class Call:
    """A call to Ollama that only knows whether it was cut."""

    def __init__(self) -> None:
        self.cut = threading.Event()

    def abort(self) -> None:
        self.cut.set()


def test_a_cancelled_attempt_is_stopped_by_its_next_word(fleet: Fleet, writing: Writing) -> None:
    """The cancel channel may miss it; the answer to a write does not. The call to Ollama is cut."""
    writer = writing()
    job, claimed = fleet.start_job(fleet.add_host())
    attempt = Attempt(job.id)
    buffer = writer.open(claimed, attempt, silent=False)
    call = Call()
    with attempt.track_call(call):
        job.cancel()
        buffer.delta("x")
        assert call.cut.wait(60)
    buffer.close()

    assert attempt.stopped == "cancelled"
    assert fleet.types(job.id) == ["queued", "started", "cancelled"]


def test_a_fenced_attempt_is_stopped_without_a_word(fleet: Fleet, writing: Writing) -> None:
    """A renewal is enough to learn that another attempt has the job."""
    store = fleet.add_host()
    job, old = fleet.start_job(store)
    fleet.expire_lease(job.id)
    fleet.end_reaper_leadership()
    store.reap()
    fleet.claim(store, job)
    attempt = Attempt(job.id)
    call = Call()
    with attempt.track_call(call):
        buffer = writing(lease_seconds=0.03).open(old, attempt, silent=False)
        assert call.cut.wait(60)
    buffer.delta("late")
    buffer.close()

    assert attempt.stopped == "fenced"
    assert "delta" not in fleet.types(job.id)


def test_a_lease_is_kept_though_nothing_is_said(fleet: Fleet, writing: Writing) -> None:
    """A model that loads for minutes says nothing; the job stays its worker's. Once closed, it is renewed no longer."""
    job, _, buffer = begin(fleet, writing(lease_seconds=0.3))
    lease = f"{job.id} alpha"
    seen = {fleet.redis.zscore(fleet.keys.leases(), lease)}

    def renewed() -> bool:
        seen.add(fleet.redis.zscore(fleet.keys.leases(), lease))
        return len(seen) > 3

    wait_until(renewed)
    buffer.close()


def test_a_lease_is_kept_while_others_speak_all_the_time(fleet: Fleet) -> None:
    """The call that takes their words renews it, though a call for words alone would be due each time."""
    clock = Later()
    writer = EventWriter(fleet.redis, fleet.keys, clock, 0, LEASE_SECONDS)
    silent_job, _, silent = begin(fleet, writer)
    busy_job, _, busy = begin(fleet, writer)
    fleet.expire_lease(silent_job.id)
    clock.seconds += LEASE_SECONDS / 3
    busy.delta("x")
    writer.run_round()

    assert deltas(fleet, busy_job) == ["x"]
    assert fleet.redis.zscore(fleet.keys.leases(), f"{silent_job.id} alpha") > 1
    busy.close()
    silent.close()


def test_a_closed_buffer_is_renewed_no_longer(fleet: Fleet, writing: Writing) -> None:
    """What has ended keeps no lease alive, while another's is kept by the same writer."""
    writer = writing(lease_seconds=0.1)
    job, _, closed = begin(fleet, writer)
    other, _, buffer = begin(fleet, writer)
    closed.close()
    fleet.expire_lease(job.id)
    fleet.expire_lease(other.id)

    wait_until(lambda: fleet.redis.zscore(fleet.keys.leases(), f"{other.id} alpha") > 1)

    assert fleet.redis.zscore(fleet.keys.leases(), f"{job.id} alpha") == 1
    buffer.close()


def test_words_that_are_not_json_end_their_own_attempt_alone(fleet: Fleet, writing: Writing) -> None:
    """A tool call with 1e999 in it is refused where it is said; the event writer writes on for the others."""
    writer = writing()
    _, _, bad = begin(fleet, writer)
    job, _, good = begin(fleet, writer)

    with pytest.raises(ValueError, match="JSON"):
        bad.delta(tool_calls=[{"function": {"name": "f", "arguments": {"x": float("inf")}}}])
    good.delta("x")
    good.close()
    bad.close()

    assert deltas(fleet, job) == ["x"]


def test_an_event_that_cannot_be_formatted_ends_its_own_attempt_alone(fleet: Fleet, writing: Writing) -> None:
    """A foreign type fails in the writer's thread: that attempt is stopped, and the others' events are written."""
    writer = writing()
    bad_job, claimed = fleet.start_job(fleet.add_host(slots=20))
    attempt, call = Attempt(bad_job.id), Call()
    bad = writer.open(claimed, attempt, silent=False)
    job, _, good = begin(fleet, writer)

    with writer.changed, attempt.track_call(call):  # both go out in one batch
        good.delta("x")
        bad.delta(thinking=["no text"])  # type: ignore[arg-type]  # as a host could send it
        assert writer.changed.wait_for(call.cut.is_set, 60)
    good.delta("y")
    good.close()
    bad.close()

    assert attempt.stopped == "unwritable"
    assert "".join(deltas(fleet, job)) == "xy"
    assert deltas(fleet, bad_job) == []
    assert fleet.renew(claimed) == "OK"  # until its worker has given the slot back


def test_a_writer_that_stops_lets_everyone_go(prefix: str) -> None:
    """At the end of a worker nobody waits for a Redis that does not come back."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        writer = EventWriter(fleet.redis, fleet.keys, SYSTEM, 0.001, LEASE_SECONDS)
        with run_supervised(writer):
            _, _, buffer = begin(fleet, writer)
            server.kill()
            buffer.delta("x")
            waiting = threading.Thread(target=buffer.close)
            waiting.start()

        waiting.join(60)
        assert not waiting.is_alive()
        fleet.close()


def test_what_one_job_cannot_write_keeps_no_other_waiting(fleet: Fleet, writing: Writing) -> None:
    """The script fails for one job, whose record is damaged: others' words are written, each once; its own later."""
    writer = writing()
    bad_job, _, bad = begin(fleet, writer)
    good_job, _, good = begin(fleet, writer)
    fleet.redis.hset(fleet.keys.record(bad_job.id), "flush", "damaged")

    with writer.changed:  # both go out in one batch
        bad.delta("x")
        good.delta("a")
    wait_until(lambda: deltas(fleet, good_job) == ["a"])
    wait_until(lambda: bad.timer._retry_at > 0)
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
    job, claimed = fleet.start_job(fleet.add_host())
    begun = fleet.redis.hget(fleet.keys.record(job.id), "cursor")
    attempt, call = Attempt(job.id), Call()
    buffer = writing(flush_seconds=0.001).open(claimed, attempt, silent=False)
    buffer.delta("confirmed")
    wait_until(lambda: buffer.idle)
    fleet.redis.hset(fleet.keys.record(job.id), mapping={"flush": "0", "cursor": begun})
    ((entry, _),) = fleet.redis.xrevrange(fleet.keys.events(job.id), count=1)
    fleet.redis.xdel(fleet.keys.events(job.id), entry)
    fleet.redis.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")

    with attempt.track_call(call):
        buffer.delta("more")
        assert call.cut.wait(60)
    buffer.close()

    assert attempt.stopped == "fenced"
    assert deltas(fleet, job) == []

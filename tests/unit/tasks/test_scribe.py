"""The scribe: what attempts say is written once, in order, soon; and their leases are kept meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from llamaq import Job
from llamaq.clock import SYSTEM
from llamaq.connection import Client, connect
from tasks.attempt import Attempt
from tasks.job import ClaimedJob
from tasks.scribe import Scribe
from tasks.transcript import Transcript
from tests.unit.tasks.fleet import LEASE_SECONDS, Fleet
from worker.embedded.redis import EmbeddedRedis

NEVER = 3600.0
Writing = Callable[..., Scribe]


@pytest.fixture
def writing(fleet: Fleet) -> Iterator[Writing]:
    """Starts scribes, by default with a flush window that never ends."""
    started: list[Scribe] = []

    def start(
        flush_seconds: float = NEVER, lease_seconds: float = LEASE_SECONDS, client: Client | None = None
    ) -> Scribe:
        scribe = Scribe(client or fleet.redis, fleet.keys, SYSTEM, flush_seconds, lease_seconds)
        started.append(scribe)
        return scribe

    yield start
    for scribe in started:
        scribe.close()


def _until(met: Callable[[], Any]) -> None:
    limit = time.monotonic() + 60
    while not met():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.005)


def _begin(fleet: Fleet, scribe: Scribe, *, silent: bool = False) -> tuple[Job[Any], ClaimedJob, Transcript]:
    job, claimed = fleet.running(fleet.host(slots=20))
    return job, claimed, scribe.open(claimed, Attempt(job.id), silent=silent)


def _deltas(fleet: Fleet, job: Job[Any]) -> list[str]:
    return [event["text"] for event in fleet.log(job.id) if event["type"] == "delta"]


def test_the_first_piece_is_written_at_once_and_the_rest_joined(fleet: Fleet, writing: Writing) -> None:
    """A reader waits for the first token alone; what comes within the flush window is one event."""
    job, _, transcript = _begin(fleet, writing())
    for count in range(1, 4):  # whatever was said of progress before: no window of its makes the first token wait
        transcript.progress("loading")
        _until(lambda count=count: fleet.types(job.id).count("progress") == count)  # type: ignore[misc]  # binds it
    transcript.delta("a")
    _until(lambda: _deltas(fleet, job) == ["a"])

    with transcript._scribe.changed:  # the scribe waits: one machine is slow, another fast
        for text in "bcd":
            transcript.delta(text)
    transcript.close()

    assert _deltas(fleet, job) == ["a", "bcd"]


def test_the_flush_window_ends_by_itself(fleet: Fleet, writing: Writing) -> None:
    """Nobody has to say more for what was said to be written."""
    job, _, transcript = _begin(fleet, writing(flush_seconds=0.02))
    transcript.delta("a")
    _until(lambda: _deltas(fleet, job) == ["a"])
    transcript.delta("b")

    _until(lambda: _deltas(fleet, job) == ["a", "b"])
    transcript.close()


def test_a_window_of_zero_sends_each(fleet: Fleet, writing: Writing) -> None:
    """LLAMAQ_FLUSH_MS=0: one event for each piece, however fast they come."""
    job, _, transcript = _begin(fleet, writing(flush_seconds=0))

    for text in "abcdefgh":
        transcript.delta(text)
    transcript.close()

    assert _deltas(fleet, job) == list("abcdefgh")


def test_the_order_of_what_was_said_is_kept(fleet: Fleet, writing: Writing) -> None:
    """A word about progress parts what was said before it from what is said after it."""
    job, _, transcript = _begin(fleet, writing())
    transcript.delta("first")
    _until(lambda: _deltas(fleet, job))

    with transcript._scribe.changed:  # the scribe waits, so that all of it is pending at once
        transcript.delta("a", "thought")
        transcript.delta("b", tool_calls=[{"function": {"name": "f", "arguments": {}}}])
        transcript.progress("repairing", repair=1, of=2)
        transcript.delta("c")
    transcript.close()

    said = [
        {name: value for name, value in event.items() if name not in ("v", "at")} for event in fleet.log(job.id)[3:]
    ]
    assert said == [
        {
            "type": "delta",
            "attempt": 1,
            "text": "ab",
            "thinking": "thought",
            "tool_calls": [{"function": {"name": "f", "arguments": {}}}],
        },
        {"type": "progress", "attempt": 1, "stage": "repairing", "repair": 1, "of": 2},
        {"type": "delta", "attempt": 1, "text": "c"},
    ]


def test_a_silent_transcript_writes_no_deltas(fleet: Fleet, writing: Writing) -> None:
    """`stream: false`: progress is told, the text is only in the result; when it began is known all the same."""
    job, _, transcript = _begin(fleet, writing(), silent=True)
    transcript.delta("a")
    transcript.progress("loading")
    transcript.close()

    assert fleet.types(job.id) == ["queued", "started", "progress"]
    assert transcript.first_at is not None


def test_attempts_that_speak_at_once_do_not_mix(fleet: Fleet, writing: Writing) -> None:
    """Twelve threads, one scribe: each log holds the words of its own attempt, whole and in order."""
    scribe = writing(flush_seconds=0.001)
    begun = [_begin(fleet, scribe) for _ in range(12)]

    def speak(number: int) -> None:
        transcript = begun[number][2]
        for count in range(50):
            transcript.delta(f"{number}.{count} ")
        transcript.close()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(speak, range(12)))

    for number, (job, _, _) in enumerate(begun):
        assert "".join(_deltas(fleet, job)) == "".join(f"{number}.{count} " for count in range(50))


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
    job, _, transcript = _begin(fleet, writing(client=client))

    transcript.delta("a")
    transcript.delta("b")
    transcript.close()

    assert client.left == 0
    assert "".join(_deltas(fleet, job)) == "ab"


def test_an_outage_of_redis_costs_nothing_but_time(writing: Writing, prefix: str) -> None:
    """Redis is killed and comes back: what was said meanwhile follows what was written before, each once."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        with connect(server.url) as client:
            client.config_set("appendfsync", "always")
            job, claimed, transcript = _begin(fleet, writing(flush_seconds=0.001, client=client))
            transcript.delta("before ")
            _until(lambda: _deltas(fleet, job) == ["before "])
            server.kill()
            for text in ("while ", "it ", "was ", "away "):
                transcript.delta(text)
            server.restart()
            transcript.delta("after")
            transcript.close()

            assert "".join(_deltas(fleet, job)) == "before while it was away after"
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
    job, _, transcript = _begin(fleet, writing(lease_seconds=0.3))
    lease = f"{job.id} alpha"
    seen = {fleet.redis.zscore(fleet.keys.leases(), lease)}

    def renewed() -> bool:
        seen.add(fleet.redis.zscore(fleet.keys.leases(), lease))
        return len(seen) > 3

    _until(renewed)
    transcript.close()


def test_a_closed_transcript_is_renewed_no_longer(fleet: Fleet, writing: Writing) -> None:
    """What has ended keeps no lease alive, while another's is kept by the same scribe."""
    scribe = writing(lease_seconds=0.1)
    job, _, closed = _begin(fleet, scribe)
    other, _, transcript = _begin(fleet, scribe)
    closed.close()
    fleet.lapse(job.id)
    fleet.lapse(other.id)

    _until(lambda: fleet.redis.zscore(fleet.keys.leases(), f"{other.id} alpha") > 1)

    assert fleet.redis.zscore(fleet.keys.leases(), f"{job.id} alpha") == 1
    transcript.close()


def test_words_that_are_not_json_end_their_own_attempt_alone(fleet: Fleet, writing: Writing) -> None:
    """A tool call with 1e999 in it is refused where it is said; the scribe writes on for the others."""
    scribe = writing()
    _, _, bad = _begin(fleet, scribe)
    job, _, good = _begin(fleet, scribe)

    with pytest.raises(ValueError, match="JSON"):
        bad.delta(tool_calls=[{"function": {"name": "f", "arguments": {"x": float("inf")}}}])
    good.delta("x")
    good.close()
    bad.close()

    assert _deltas(fleet, job) == ["x"]


def test_closing_the_scribe_lets_everyone_go(prefix: str) -> None:
    """At the end of a worker nobody waits for a Redis that does not come back."""
    with EmbeddedRedis.start() as server:
        fleet = Fleet(server.url, prefix)
        scribe = Scribe(fleet.redis, fleet.keys, SYSTEM, 0.001, LEASE_SECONDS)
        _, _, transcript = _begin(fleet, scribe)
        server.kill()
        transcript.delta("x")
        waiting = threading.Thread(target=transcript.close)
        waiting.start()

        scribe.close()

        waiting.join(60)
        assert not waiting.is_alive()
        fleet.close()

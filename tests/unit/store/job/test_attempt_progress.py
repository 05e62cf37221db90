"""How far an answer is whose events were written without a script."""

from typing import Any

from embedded.scripted.fleet import Fleet, make_error, make_outcome
from llamaq.store.worker.outcome import Completed
from tests.unit.store.job.attempts import Attempt, let_lease_stray


def test_the_status_tells_how_far_the_answer_is(fleet: Fleet) -> None:
    """Also of events that no script has counted, and after them, whatever ends the attempt."""
    attempt, cancelled = Attempt(fleet), Attempt(fleet)

    def progress(job: Any) -> tuple[int, float]:
        deltas = [event["at"] for event in fleet.log(job.id) if event["type"] == "delta"]
        status = job.status()
        assert status.last_token_at.timestamp() == deltas[-1]
        return status.tokens, len(deltas)

    assert attempt.say("second", "third") == cancelled.say("second") == "OK"
    assert (progress(attempt.job), progress(cancelled.job)) == ((3, 3), (2, 2))
    assert next(job.tokens for job in fleet.queue.jobs() if job.id == attempt.job.id) == 3
    assert [attempt.say(renews=True), attempt.say("fourth")] == ["OK", "OK"]
    assert progress(attempt.job) == (4, 4)
    cancelled.job.cancel()
    ((last, _),) = fleet.redis.xrevrange(fleet.keys.events(cancelled.job.id), count=1)
    fleet.redis.hset(fleet.keys.record(cancelled.job.id), "cursor", f"{last.partition('-')[0]}-0")  # in one millisecond
    fleet.redis.xadd(fleet.keys.events(cancelled.job.id), {"event": "{}"}, id=f"{last.partition('-')[0]}-9000001")
    cancelled.store.release(cancelled.claimed, make_error(), 0, counts=True)
    assert cancelled.job.status().tokens == 2
    stray = Attempt(fleet)
    stray.say("second")
    for _ in range(3):
        let_lease_stray(stray)
        assert progress(stray.job) == (2, 2)
    # It has joined two pieces in one event.
    attempt.store.complete(attempt.claimed, Completed(make_outcome().result, events=4, pieces=5))
    assert (progress(attempt.job), attempt.job.status().state) == ((5, 4), "completed")

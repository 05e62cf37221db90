"""The event writer: what attempts say is written once, in order, and soon."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from tests.unit.worker.writing import NEVER, Later, Writing, begin, deltas, wait_until
from worker.attempt import event_writer
from worker.attempt.event_writer import EventWriter
from worker.attempt.flush_timer import RENEW_SECONDS
from worker.attempt.flush_window import MOST_JOBS


def test_the_first_piece_is_written_at_once_and_the_rest_joined(fleet: Fleet, writing: Writing) -> None:
    """A reader waits for the first token alone; what comes within the flush window is one event."""
    writer = writing(lease_seconds=NEVER)  # a renewal would take along what waits
    job, _, buffer = begin(fleet, writer)
    for count in range(1, 4):  # whatever was said of progress before: no window of its makes the first token wait
        buffer.progress("loading")
        wait_until(lambda count=count: fleet.types(job.id).count("progress") == count)  # type: ignore[misc]  # binds it
    buffer.delta("a")
    wait_until(lambda: deltas(fleet, job) == ["a"])

    with writer.changed:  # the event writer waits: one machine is slow, another fast
        for text in "bcd":
            buffer.delta(text)
    buffer.close()

    assert deltas(fleet, job) == ["a", "bcd"]


def test_the_flush_window_ends_by_itself(fleet: Fleet, writing: Writing) -> None:
    """Nobody has to say more for what was said to be written."""
    job, _, buffer = begin(fleet, writing(flush_seconds=0.02))
    buffer.delta("a")
    wait_until(lambda: deltas(fleet, job) == ["a"])
    buffer.delta("b")

    wait_until(lambda: deltas(fleet, job) == ["a", "b"])
    buffer.close()


def test_a_thread_that_waits_is_woken_by_an_event_and_by_the_end(
    fleet: Fleet, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a first token would come up to a second late, with the end of an idle round."""
    monkeypatch.setattr(event_writer, "IDLE_SECONDS", NEVER)
    writer = writing(lease_seconds=NEVER)
    job, _, buffer = begin(fleet, writer)
    wait_until(lambda: writer._wakes_at)

    buffer.progress("loading")
    wait_until(lambda: "progress" in fleet.types(job.id))

    buffer.close()
    wait_until(lambda: writer._wakes_at)  # `writing` stops it, and requires that its thread ends


def test_a_window_of_zero_sends_each(fleet: Fleet, writing: Writing) -> None:
    """LLAMAQ_FLUSH_MS=0: one event for each piece, however fast they come."""
    job, _, buffer = begin(fleet, writing(flush_seconds=0))

    for text in "abcdefgh":
        buffer.delta(text)
    buffer.close()

    assert deltas(fleet, job) == list("abcdefgh")


def test_the_order_of_what_was_said_is_kept(fleet: Fleet, writing: Writing) -> None:
    """A word about progress parts what was said before it from what is said after it."""
    writer = writing()
    job, _, buffer = begin(fleet, writer)
    buffer.delta("first")
    wait_until(lambda: deltas(fleet, job))

    with writer.changed:  # the event writer waits, so that all of it is pending at once
        buffer.delta("a", "thought")
        buffer.delta("b", tool_calls=[{"function": {"name": "f", "arguments": {}}}])
        buffer.progress("repairing", repair=1, of=2)
        buffer.delta("c")
    buffer.close()

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


def test_in_a_crowded_fleet_what_follows_the_first_piece_waits(fleet: Fleet, writing: Writing) -> None:
    """Redis tells how many jobs run. The first piece of any attempt is written at once, as is the rest of an answer."""
    fleet.redis.zadd(fleet.keys.leases(), {f"{number} elsewhere": 2**40 for number in range(MOST_JOBS)})
    writer = writing(flush_seconds=0.001, lease_seconds=NEVER, most_flush_seconds=NEVER)
    job, _, buffer = begin(fleet, writer)
    buffer.delta("a")
    wait_until(lambda: deltas(fleet, job) == ["a"])
    buffer.delta("b")
    other_job, _, other = begin(fleet, writer)
    other.delta("first")
    wait_until(lambda: deltas(fleet, other_job) == ["first"])

    assert deltas(fleet, job) == ["a"]
    buffer.delta("c")
    buffer.close()
    other.close()
    assert deltas(fleet, job) == ["a", "bc"]


def test_a_silent_buffer_writes_no_deltas(fleet: Fleet, writing: Writing) -> None:
    """`stream: false`: progress is told, the text is only in the result; when it began is known all the same."""
    job, _, buffer = begin(fleet, writing(), silent=True)
    buffer.delta("a")
    buffer.progress("loading")
    buffer.close()

    assert fleet.types(job.id) == ["queued", "started", "progress"]
    assert buffer.first_at is not None


def test_attempts_that_speak_at_once_do_not_mix(fleet: Fleet, writing: Writing) -> None:
    """Twelve threads, one event writer: each log holds the words of its own attempt, whole and in order."""
    writer = writing(flush_seconds=0.001)
    begun = [begin(fleet, writer) for _ in range(12)]

    def speak(number: int) -> None:
        buffer = begun[number][2]
        for count in range(50):
            buffer.delta(f"{number}.{count} ")
        buffer.close()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(speak, range(12)))

    for number, (job, _, _) in enumerate(begun):
        assert "".join(deltas(fleet, job)) == "".join(f"{number}.{count} " for count in range(50))


def test_leases_are_renewed_together(fleet: Fleet) -> None:
    """One call for all, with the first write that renews one; what waits to be written still waits."""
    clock = Later()
    writer = EventWriter(fleet.redis, fleet.keys, clock, NEVER, LEASE_SECONDS)
    (job, _, one), (other_job, _, other) = begin(fleet, writer), begin(fleet, writer)
    for text in "ab":  # after the second one the window is not over
        for buffer in (one, other):
            buffer.delta(text)
        writer.run_round()
    other.delta("c")
    for each in (job, other_job):
        fleet.expire_lease(each.id)
    clock.seconds += RENEW_SECONDS

    one.progress("loading")
    writer.run_round()

    assert all(fleet.redis.zscore(fleet.keys.leases(), f"{each.id} alpha") > 1 for each in (job, other_job))
    assert (fleet.types(job.id)[-1], deltas(fleet, other_job)) == ("progress", ["a", "b"])
    for buffer in (one, other):
        buffer.drop()
        buffer.close()
    writer.finish()


def test_a_writer_without_attempts_keeps_no_connection(fleet: Fleet, writing: Writing) -> None:
    """An idle worker has as few as it needs."""
    writer = writing(flush_seconds=0.001)
    in_use = fleet.redis.connection_pool._in_use_connections  # redis-py has no public name for it
    job, _, buffer = begin(fleet, writer)
    buffer.delta("a")
    wait_until(lambda: deltas(fleet, job) == ["a"])
    assert in_use

    buffer.close()

    wait_until(lambda: not in_use)

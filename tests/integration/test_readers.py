"""Readers: whenever they attach and however often they are cut off, all of them get the same transcript."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamaq import AsyncJobQueue, CursorExpired, JobNotFound
from llamaq.vocabulary.events import Delta
from tests.conftest import MODEL, StartWorker
from tests.integration.reading import Plan, Readers
from tests.service import Service, fresh_name, kinds, last_text, read_until

TOKENS = 30
PLANS = st.builds(
    Plan,
    attaches=st.sampled_from(["before", "during", "after"]),
    cuts=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["leave", "kill"])), max_size=4),
    asynchronous=st.booleans(),
)


def assert_all_read_the_log(service: Service, plans: Sequence[Plan], **script: Any) -> None:
    """Run a job that is held somewhere, with readers by plan: each gets exactly what stands in the log."""
    name = fresh_name()
    gate = service.hold(contains=name, **script)
    with ThreadPoolExecutor(len(plans)) as threads:
        job = service.queue.generate(MODEL, name)
        readers = Readers(service, job.id, plans, threads)
        readers.attach("before")
        service.wait_held(gate)
        readers.attach("during")
        service.ollama.release(gate)
        job.result(30)
        readers.attach("after")
        transcripts = readers.transcripts()
    assert transcripts == [service.log(job.id)] * len(plans)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(PLANS, min_size=1, max_size=4), hold_after=st.integers(0, TOKENS))
def test_every_reader_gets_the_same_transcript(service: Service, plans: list[Plan], hold_after: int) -> None:
    """Attached before, during or after, cut off at any event and resumed from its cursor: byte for byte the log."""
    assert_all_read_the_log(service, plans, count=TOKENS, rate=400, hold_after=hold_after)


def test_readers_get_the_same_over_a_restart(service: Service) -> None:
    """Events of a void attempt are in every transcript too, and in the same order."""
    plans = [
        Plan("before", [(2, "kill"), (1, "leave"), (2, "kill")]),
        Plan("before", [(3, "leave"), (2, "kill")], asynchronous=True),
        Plan("during", [(1, "kill"), (1, "kill"), (1, "leave")]),
        Plan("after", [(4, "leave")], asynchronous=True),
    ]

    assert_all_read_the_log(service, plans, count=TOKENS, rate=400, hold_after=9, fault="end")


def test_a_log_of_many_events_comes_whole(own_service: Service, start_worker: StartWorker) -> None:
    """With a flush window of 0 each token is an event; a late reader gets all of them, live readers too."""
    start_worker(flush_ms=0)
    plans = [Plan("before"), Plan("during", [(700, "kill")]), Plan("after"), Plan("after", asynchronous=True)]

    assert_all_read_the_log(own_service, plans, count=1_300, hold_after=600)

    events = list(own_service.queue.job(own_service.queue.jobs(1)[0].id).events())
    assert [event.text for event in events if isinstance(event, Delta)] == [" token"] * 1_300


def test_a_reader_that_leaves_does_not_cancel(service: Service) -> None:
    """The only reader goes away in the middle; the job completes all the same."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job = service.queue.generate(MODEL, "Why?")

    read_until(job, Delta)
    service.ollama.release(gate)

    assert job.result(30).text == "ab"
    assert kinds(list(job.events()))[-1] == "completed"


def test_resuming_behind_the_last_event_ends_at_once(service: Service) -> None:
    """A client that has everything, and asks again behind it, gets nothing and does not wait."""
    job = service.queue.generate(MODEL, "Why?")
    last = list(job.events())[-1]

    assert list(job.events(after=last.cursor)) == []
    assert list(job.text(after=last.cursor)) == []


def test_any_cursor_continues_right_behind_it(service: Service) -> None:
    """For every event: reading behind its cursor gives exactly the rest."""
    service.ollama.script(tokens=["a", "b", "c"], rate=30)
    job = service.queue.generate(MODEL, "Why?")
    events = list(job.events())

    for index, event in enumerate(events):
        assert list(job.events(after=event.cursor)) == events[index + 1 :]


def test_text_can_be_read_from_a_cursor(service: Service) -> None:
    """`text(after=...)` gives the pieces behind it alone."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job = service.queue.generate(MODEL, "Why?")
    first = read_until(job, Delta)[-1]
    service.ollama.release(gate)

    assert "".join(job.text(first.cursor, on_restart="raise")) == "b"
    assert "".join(job.text(on_restart="raise")) == last_text(list(job.events())) == "ab"


@pytest.mark.usefixtures("hasty")
def test_a_job_that_never_was_is_not_found(service: Service) -> None:
    """Events, text and result of an unknown id raise JobNotFound, sync and async."""
    job = service.queue.job(fresh_name())
    for read in (lambda: list(job.events()), lambda: list(job.text()), lambda: job.result(5)):
        with pytest.raises(JobNotFound):
            read()

    async def read_async() -> None:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            with pytest.raises(JobNotFound):
                await anext(aiter(queue.job(fresh_name()).events()))
            with pytest.raises(JobNotFound):
                await queue.job(fresh_name()).result(5)

    asyncio.run(read_async())


@pytest.mark.usefixtures("hasty")
def test_a_cursor_of_a_log_that_is_gone_has_expired(service: Service) -> None:
    """Once a job is no longer kept, a reader that comes back with a cursor learns so, and is not left waiting."""
    job = service.queue.generate(MODEL, "Why?")
    cursor = next(iter(job.events())).cursor
    job.result(30)

    service.redis.delete(service.keys.record(job.id), service.keys.events(job.id))

    with pytest.raises(CursorExpired):
        list(job.events(after=cursor))
    with pytest.raises(JobNotFound):
        list(job.events())


def test_waiting_for_a_result_can_end_before_the_job(service: Service) -> None:
    """TimeoutError after so many seconds; the job goes on, and its result can be had later."""
    gate = service.hold(tokens=["a"])
    job = service.queue.generate(MODEL, "Why?")
    service.wait_held(gate)

    with pytest.raises(TimeoutError):
        job.result(timeout=0.1)
    service.ollama.release(gate)

    assert job.result(30).text == "a"


def test_many_readers_follow_one_job_at_once(service: Service) -> None:
    """Twenty async readers on one client get the same events as the log has."""
    gate = service.hold(tokens=["a", "b", "c"], hold_after=1)
    job = service.queue.generate(MODEL, "Why?")

    async def read(queue: AsyncJobQueue) -> list[tuple[str, str]]:
        stream: Any = queue.job(job.id).events(fresh=False)
        async with aclosing(stream):
            return [(event.cursor, event.payload) async for event in stream]

    async def read_all() -> list[list[tuple[str, str]]]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue, asyncio.TaskGroup() as group:
            readers = [group.create_task(read(queue)) for _ in range(20)]
            await asyncio.to_thread(service.wait_held, gate)
            await asyncio.to_thread(service.ollama.release, gate)
        return [reader.result() for reader in readers]

    assert asyncio.run(read_all()) == [service.log(job.id)] * 20

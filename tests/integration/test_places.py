"""Following a job that waits: its place and estimate come as they change, and the log stays what it is."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from llamaq import AsyncJobQueue, Event, Job, JobCancelled
from llamaq.vocabulary.events import Queued
from tests.conftest import MODEL
from tests.service import Service

POLL_SECONDS = 0.01


@pytest.fixture
def line(single_slot_service: Service) -> Iterator[list[Job[Any]]]:
    """One job that is held in the only slot, and three behind it."""
    single_slot_service.hold()
    jobs: list[Job[Any]] = [single_slot_service.queue.generate(MODEL, f"job {number}") for number in range(4)]
    yield jobs
    single_slot_service.ollama.clear()


def leave_one_by_one(jobs: list[Job[Any]], seen: list[Event]) -> None:
    """Take those ahead away, each only once the reader has been told of the place before."""
    for ahead, job in enumerate(reversed(jobs[1:-1])):
        position = len(jobs) - 2 - ahead
        while not any(isinstance(event, Queued) and (event.position or 0) <= position for event in seen):
            time.sleep(POLL_SECONDS)
        job.cancel()
    while not any(isinstance(event, Queued) and event.position == 0 for event in seen):
        time.sleep(POLL_SECONDS)
    jobs[0].cancel()


def assert_told(service: Service, job: Job[Any], seen: list[Event]) -> None:
    """Every place on the way, made by the reader; without those, exactly the log; and any cursor is a place in it."""
    made = [event for event in seen if event.fresh]
    assert [event.position for event in made if isinstance(event, Queued)][-1] == 0
    assert {event.cursor for event in made} == {seen[0].cursor}
    assert [(event.cursor, event.payload) for event in seen if not event.fresh] == service.log(job.id)
    assert [event.cursor for event in job.events(after=made[-1].cursor)] == [
        cursor for cursor, _ in service.log(job.id)
    ][1:]


def test_a_reader_sees_its_place_change(single_slot_service: Service, line: list[Job[Any]]) -> None:
    """Blocking: from three jobs ahead to none, while nothing is written into the log; then on as ever."""
    seen: list[Event] = []
    with ThreadPoolExecutor(1) as threads:
        leaving = threads.submit(leave_one_by_one, line, seen)
        for event in line[-1].events():
            seen.append(event)  # noqa: PERF402 - the other thread looks at it meanwhile
        leaving.result(30)

    assert_told(single_slot_service, line[-1], seen)


def test_an_awaiting_reader_sees_its_place_change(single_slot_service: Service, line: list[Job[Any]]) -> None:
    """The same, awaited."""
    seen: list[Event] = []

    async def read() -> None:
        async with AsyncJobQueue(single_slot_service.url, prefix=single_slot_service.prefix) as queue:
            leaving = asyncio.create_task(asyncio.to_thread(leave_one_by_one, line, seen))
            async for event in queue.job(line[-1].id).events():
                seen.append(event)  # noqa: PERF401 - as above
            await leaving

    asyncio.run(asyncio.wait_for(read(), 60))

    assert_told(single_slot_service, line[-1], seen)


def test_pieces_and_results_do_not_look(single_slot_service: Service, line: list[Job[Any]]) -> None:
    """`text()` and `result()` have no use for a place: while the job waits they ask nothing of any script."""
    asked: list[str] = []
    job = line[-1]
    with ThreadPoolExecutor(2) as threads, single_slot_service.redis.monitor() as monitor:
        reading = [threads.submit(lambda: list(job.text())), threads.submit(lambda: [job.result(30).text])]
        ends_at = time.monotonic() + 2.5
        while time.monotonic() < ends_at:
            single_slot_service.redis.ping()  # there is always something to hear, so that this ends
            asked.append(str(monitor.next_command()["command"]))
        for waiting in line:
            waiting.cancel()
        with pytest.raises(JobCancelled):
            reading[0].result(30)
        with pytest.raises(JobCancelled):
            reading[1].result(30)

    assert [command for command in asked if job.id in command and command.startswith("EVALSHA")] == []

"""The one subscription connection of all readers of a queue object: what it gives, when it begins, and when it ends."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue, StreamError
from llamaq.client import subscriptions
from llamaq.client.aio import hub as aio_hub
from llamaq.client.blocking import hub as blocking_hub
from llamaq.store import log_follower
from tests.faults.proxy import OutageProxy
from tests.integration.written_logs import DELTA, STARTED, Transcript, World, reading
from tests.service import wait_until


@pytest.fixture
def world(redis_server: EmbeddedRedis, prefix: str) -> Iterator[World]:
    """Jobs, and a queue."""
    with closing(World(redis_server, prefix)) as world:
        yield world


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub without readers ends almost at once."""
    for module in (subscriptions, aio_hub, blocking_hub):
        monkeypatch.setattr(module, "LINGER_SECONDS", 0.05)


def hub_threads() -> set[threading.Thread]:
    """Of all queues: those of earlier tests end when nobody has read for a while."""
    return {thread for thread in threading.enumerate() if thread.name == "llamaq-subscriptions"}


def test_readers_in_threads_get_replay_and_live_events_over_one_connection(world: World) -> None:
    """Thirty readers of three jobs attach while these are written: each gets exactly its log."""
    jobs = [world.job() for _ in range(3)]
    with ThreadPoolExecutor(3) as writers, reading(jobs * 5) as first:
        written = [writers.submit(world.write, job.id, 150) for job in jobs]
        with reading(jobs * 5) as second:
            for one in written:
                one.result()
            wait_until(lambda: all(reader.got for reader in [*first, *second]))
            connections = len(world.subscriptions())
            world.end(*(job.id for job in jobs))

    logs = {job.id: world.log(job.id) for job in jobs}
    assert [thread.got == logs[thread.job.id] for thread in [*first, *second]] == [True] * 30
    assert connections == 1


async def transcript(queue: AsyncJobQueue, job_id: str, got: Transcript | None = None) -> Transcript:
    got = [] if got is None else got
    async for event in queue.job(job_id).events(fresh=False):
        got.append((event.cursor, event.payload))
    return got


def test_readers_in_tasks_get_replay_and_live_events_over_one_connection(world: World) -> None:
    """The same for 300 readers of one event loop, with more readers than connections."""
    ids = [world.job().id for _ in range(3)]
    settings = replace(world.queue.settings, max_connections=5)
    got: list[Transcript] = [[] for _ in range(300)]

    async def read_all() -> int:
        async with AsyncJobQueue(world.url, settings=settings) as queue, asyncio.TaskGroup() as group:
            for job_id, transcribed in zip(ids * 50, got[:150], strict=True):
                group.create_task(transcript(queue, job_id, transcribed))
            written = [asyncio.to_thread(world.write, job_id, 30) for job_id in ids]
            for job_id, transcribed in zip(ids * 50, got[150:], strict=True):
                group.create_task(transcript(queue, job_id, transcribed))
            await asyncio.gather(*written)
            await asyncio.to_thread(wait_until, lambda: all(got))
            connections = len(await asyncio.to_thread(world.subscriptions))
            await asyncio.to_thread(world.end, *ids)
        return connections

    connections = asyncio.run(read_all())

    assert got == [world.log(job_id) for job_id in ids] * 100
    assert connections == 1


def test_events_that_come_together_keep_their_order(world: World) -> None:
    """A piece that comes alone takes a shorter way. It must not overtake what came right before it."""
    job = world.job()
    got: Transcript = []

    def has(number: int) -> bool:
        return len(got) == number

    async def read() -> None:
        async with AsyncJobQueue(world.url, settings=world.queue.settings) as queue, asyncio.TaskGroup() as group:
            group.create_task(transcript(queue, job.id, got))
            for before in (1, 5, 9):  # the event of the submit, and those of each round
                await asyncio.to_thread(wait_until, partial(has, before))
                await asyncio.to_thread(world.write_at_once, job.id, STARTED, DELTA % 0, STARTED, DELTA % 1)
            await asyncio.to_thread(world.end, job.id)

    asyncio.run(read())

    assert got == world.log(job.id)


def test_a_reader_in_a_task_that_leaves_is_unsubscribed_while_others_go_on(world: World) -> None:
    """Also where nobody comes behind it, whose subscription would be one write with it."""
    leaves, stays = world.job(), world.job()
    settings = replace(world.queue.settings, call_seconds=300)  # so that no other timer wakes the hub

    async def run() -> None:
        async with AsyncJobQueue(world.url, settings=settings) as queue:
            streams = [queue.job(job.id).events(fresh=False) for job in (leaves, stays)]
            for stream in streams:
                await anext(stream)
            assert world.subscribed(leaves)
            await streams[0].aclose()
            await asyncio.to_thread(wait_until, lambda: not world.subscribed(leaves))
            assert world.subscribed(stays)
            await streams[1].aclose()

    asyncio.run(run())


def test_a_slow_reader_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes one event and stops; a fast one beside it gets all; then the slow one gets all too, from the log."""
    monkeypatch.setattr(subscriptions, "MOST_ENTRIES", 10)
    job = world.job()
    slow = job.events(fresh=False)
    got = [next(slow)]
    with reading([job]) as (fast,):
        wait_until(lambda: bool(fast.got))
        world.write(job.id, 100)
        world.end(job.id)

    got += slow
    assert fast.got == [(event.cursor, event.payload) for event in got] == world.log(job.id)


def test_a_lost_connection_costs_a_hundred_readers_nothing(world: World) -> None:
    """It is cut while events are written: all get the whole log, over one new connection."""
    job = world.job()
    with reading([job] * 100) as readers:
        wait_until(lambda: all(reader.got for reader in readers))
        world.write(job.id, 3)
        world.server.client_kill_filter(_id=world.subscriptions()[0]["id"])
        world.write(job.id, 3)
        wait_until(lambda: len(world.subscriptions()) == 1)
        world.end(job.id)

    log = world.log(job.id)
    assert [reader.got == log for reader in readers] == [True] * 100


@pytest.mark.usefixtures("soon")
def test_the_connection_ends_after_the_last_reader(world: World) -> None:
    """Each channel is left with its last reader; then the thread and the connection end, and begin again when asked."""
    before = hub_threads()
    first, second = world.job(), world.job()
    for _ in range(2):
        streams = [job.events(fresh=False) for job in (first, first, second)]
        assert [next(stream).type for stream in streams] == ["queued"] * 3

        streams[0].close()
        assert world.subscribed(first)
        streams[1].close()
        wait_until(lambda: not world.subscribed(first))
        assert world.subscribed(second)
        streams[2].close()
        wait_until(lambda: not world.subscriptions())
        wait_until(lambda: hub_threads() <= before)


@pytest.mark.usefixtures("soon")
def test_the_connection_of_a_loop_ends_after_the_last_reader(world: World) -> None:
    """Over asyncio, with its task."""
    job_id = world.job().id

    async def read() -> None:
        loop = asyncio.get_running_loop()
        async with AsyncJobQueue(world.url, prefix=world.prefix) as queue:
            for _ in range(2):
                stream: Any = queue.job(job_id).events(fresh=False)
                assert (await anext(stream)).type == "queued"
                assert await asyncio.to_thread(world.subscriptions)
                await stream.aclose()
                await asyncio.to_thread(wait_until, lambda: not world.subscriptions())
                await asyncio.to_thread(wait_until, lambda: len(asyncio.all_tasks(loop)) == 1)

    asyncio.run(read())


def test_close_ends_waiting_readers_and_the_connection(world: World) -> None:
    """They raise an error that says so, and so does a reader that comes later."""
    before = hub_threads()
    jobs = [world.job() for _ in range(3)]
    with reading(jobs) as readers:
        wait_until(lambda: all(reader.got for reader in readers))
        world.queue.close()

    assert [type(reader.error) for reader in readers] == [StreamError] * 3
    assert hub_threads() <= before
    assert world.subscriptions() == []
    with pytest.raises(StreamError):
        next(jobs[0].events())


def test_close_ends_waiting_readers_of_a_loop(world: World) -> None:
    """Over asyncio."""
    job_id = world.job().id

    async def read() -> list[Any]:
        queue = AsyncJobQueue(world.url, prefix=world.prefix)
        readers = [asyncio.create_task(transcript(queue, job_id)) for _ in range(3)]
        await asyncio.to_thread(wait_until, lambda: bool(world.subscriptions()))
        await queue.aclose()
        ends = await asyncio.gather(*readers, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return ends

    assert [type(end) for end in asyncio.run(read())] == [StreamError] * 3
    wait_until(lambda: not world.subscriptions())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_refusal_is_told_to_each_reader_at_once(redis_server: EmbeddedRedis, asynchronous: bool) -> None:
    """Such as of a password: another try would not mend it."""
    url = redis_server.url.replace("redis://", "redis://nobody:wrong@")

    async def read() -> None:
        async with AsyncJobQueue(url) as queue:
            ends = await asyncio.gather(*(transcript(queue, name) for name in "abc"), return_exceptions=True)
        assert [type(end) for end in ends] == [BrokerUnavailable] * 3

    if asynchronous:
        asyncio.run(asyncio.wait_for(read(), 10))
    else:
        with JobQueue(url) as queue, reading([queue.job(name) for name in "abc"]) as readers:
            pass
        assert [type(reader.error) for reader in readers] == [BrokerUnavailable] * 3


def test_a_connection_that_goes_silent_is_replaced(
    redis_server: EmbeddedRedis, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing closes it. What it does not bring is found in the log, and then all readers go on over a new one."""
    monkeypatch.setattr(log_follower, "CHECK_SECONDS", 0.3)
    with (
        OutageProxy(redis_server.port) as proxy,
        closing(World(redis_server, prefix, proxy.url, call_seconds=1.5)) as world,
    ):
        jobs = [world.job(), world.job()]
        with reading(jobs) as readers:
            wait_until(lambda: all(reader.got for reader in readers))
            old = world.subscriptions()[0]["id"]
            proxy.silence()
            world.write(jobs[0].id, 1)
            wait_until(lambda: any(one["id"] != old for one in world.subscriptions()))
            world.end(*(job.id for job in jobs))

        assert [reader.got for reader in readers] == [world.log(job.id) for job in jobs]

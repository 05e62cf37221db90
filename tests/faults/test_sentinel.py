"""A failover by Redis Sentinel, without a proxy: nothing is lost, doubled or mixed, and all go on by themselves.

LLAMAQ_TEST_FAILOVERS sets the rounds of each test.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest
import requests

from embedded.redis import find_free_port
from embedded.scripted.launcher import ScriptedOllama
from embedded.sentinel import WatchedRedis
from llamaq import AsyncJobQueue, BrokerUnavailable, JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from llamaq.vocabulary.events import Delta
from ops.topology.running import Running
from tests.conftest import MODEL, Measure
from tests.faults.assertions import assert_completed, assert_ended_once, assert_not_mixed
from tests.faults.site import Site
from tests.service import last_text, read_until, wait_until

ROUNDS = int(os.environ.get("LLAMAQ_TEST_FAILOVERS", "1"))
TEXT = " token" * 3
LONG = 50
"""Tokens of the answer that is streamed through the failover."""
PER_SECOND = 20
MOMENT_SECONDS = 0.5
"""Between the failover and the return of the frozen server. What was asked of it just before the failover may count."""
PASSWORD = "of-flower"
FLOWER = [sys.executable, "-m", "celery", "--app", "worker.app", "flower", "--conf=ops/flower/flowerconfig.py"]
pytestmark = pytest.mark.timeout(120 + 60 * ROUNDS)


Asked = Callable[[str], requests.Response]


@pytest.fixture(scope="module")
def watched() -> Iterator[WatchedRedis]:
    """A master, a replica and three Sentinels."""
    with WatchedRedis.start() as watched:
        yield watched


@pytest.fixture(scope="module")
def sentinel_site(watched: WatchedRedis) -> Iterator[Site]:
    """A worker and a producer that have the addresses of the Sentinels alone."""
    with ScriptedOllama.start(slots=4) as ollama, Site(watched, ollama) as site:
        site.start_worker(slots=4)
        yield site


@pytest.fixture(scope="module")
def flower(sentinel_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Flower's API, over the same Sentinels."""
    folder, port = tmp_path_factory.mktemp("flower"), find_free_port()
    (folder / "password").write_text(PASSWORD)
    settings = {
        "LLAMAQ_REDIS_URL": sentinel_site.url,
        "LLAMAQ_PREFIX": sentinel_site.prefix,
        "LLAMAQ_FLOWER_PASSWORD_FILE": str(folder / "password"),
    }
    command = [*FLOWER, "--address=127.0.0.1", f"--port={port}"]
    with Running("flower", command, folder, settings) as process:
        process.wait_listening(port)
        yield lambda path: requests.get(
            f"http://127.0.0.1:{port}/flower/api/{path}", auth=("llamaq", PASSWORD), timeout=20
        )


@contextmanager
def swapped(watched: WatchedRedis) -> Iterator[None]:
    """Sentinels swap the two servers, as for maintenance; the old master goes on as the replica."""
    watched.swap()
    yield


@contextmanager
def killed(watched: WatchedRedis) -> Iterator[None]:
    """The master is killed, and comes back when another one is the master."""
    before = watched.master()
    watched.hold_writes()
    before.kill()
    watched.wait_failover(before)
    yield
    before.restart()


@contextmanager
def frozen(watched: WatchedRedis) -> Iterator[None]:
    """The master stops without a word, and goes on as a second master when another one has replaced it."""
    before = watched.master()
    held = watched.hold_writes()
    os.kill(before.pid, signal.SIGSTOP)
    watched.wait_failover(before)
    time.sleep(MOMENT_SECONDS)
    os.kill(before.pid, signal.SIGCONT)
    held.client_unpause()
    yield


@contextmanager
def killed_while_a_sentinel_is_frozen(watched: WatchedRedis) -> Iterator[None]:
    """The Sentinel that is asked first does not answer, and the others fail over."""
    watched.sentinels[0].send_signal(signal.SIGSTOP)
    try:
        with killed(watched):
            yield
    finally:
        watched.sentinels[0].send_signal(signal.SIGCONT)


Fault = Callable[[WatchedRedis], AbstractContextManager[None]]


FAULTS = [killed_while_a_sentinel_is_frozen] + [frozen, swapped, killed] * (ROUNDS > 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failover(sentinel_site: Site, watched: WatchedRedis, flower: Asked, fault: Fault, measure: Measure) -> None:
    """Both clients submit and read all the while; the worker and Flower find the new master."""
    for _ in range(ROUNDS):
        watched.wait_ready()
        before = watched.master()
        _fail_over_once(sentinel_site, watched, fault)
        watched.wait_failover(before)  # a Sentinel that was frozen has to hear of it first
        watched.rejoin(before)
        _check_flower(flower, sentinel_site)


def test_what_no_replica_has_is_not_confirmed(sentinel_site: Site, watched: WatchedRedis) -> None:
    """A failover would take it back: a reader waits for the end, and a submit fails. Both go on with a replica."""
    watched.wait_ready()
    site, master = sentinel_site, watched.master()
    replicas = [server for server in watched.servers if server is not master]
    gate = site.hold(contains="unconfirmed", tokens=[" token"] * 6, hold_after=2)
    site.ollama.script(contains="unconfirmed", times=None, count=6, rate=PER_SECOND)
    soon = Settings(keys=Keys(site.prefix), call_seconds=4)
    with JobQueue(site.url, settings=soon) as queue, ThreadPoolExecutor(4) as threads:
        job = queue.generate(MODEL, "unconfirmed")
        read_until(job, Delta)
        site.wait_held(gate)
        for replica in replicas:
            os.kill(replica.pid, signal.SIGSTOP)
        try:
            site.ollama.release(gate)
            ends = [
                threads.submit(lambda: job.result().text),
                threads.submit(lambda: asyncio.run(_read_result(site, job.id))),
                threads.submit(lambda: "".join(piece for piece in job.text() if isinstance(piece, str))),
            ]
            wait_until(lambda: site.redis.hget(f"{site.prefix}:{{{job.id}}}", "state") == "completed")
            with pytest.raises(BrokerUnavailable):
                queue.generate(MODEL, "unconfirmed")
            assert not any(each.done() for each in ends)
        finally:
            for replica in replicas:
                os.kill(replica.pid, signal.SIGCONT)
        assert [each.result(60) for each in ends] == [" token" * 6] * 3
        assert last_text(list(queue.generate(MODEL, "unconfirmed").events())) == " token" * 6


async def _read_result(site: Site, job_id: str) -> str:
    async with AsyncJobQueue(site.url, prefix=site.prefix) as queue:
        return str((await queue.job(job_id).result()).text)


def _fail_over_once(site: Site, watched: WatchedRedis, fault: Fault) -> None:
    site.ollama.script(contains="long one", times=None, count=LONG, rate=PER_SECOND)
    site.ollama.script(contains="short one", count=3, times=None)
    running = site.queue.generate(MODEL, "long one")
    read_until(running, Delta, 3)
    over = threading.Event()
    with ThreadPoolExecutor(4) as threads:
        read = threads.submit(lambda: list(running.events(fresh=False)))
        read_async = threads.submit(lambda: asyncio.run(_read(site, running.id)))
        accepted = threads.submit(_submit, site, over)
        accepted_async = threads.submit(lambda: asyncio.run(_submit_async(site, over)))
        with _ending(over), fault(watched):
            over.set()
            ids = accepted.result(60) + accepted_async.result(60)
            events = assert_completed(running, attempt=running.result(60).attempts, text=" token" * LONG)
            assert read.result(60) == read_async.result(60) == events
            for each in ids:
                job = site.queue.job(each)
                assert last_text(list(job.events())) == TEXT
                assert_ended_once(list(job.events()))
                assert_not_mixed(list(job.events()))
            assert len(set(ids)) == len(ids) > 1


@contextmanager
def _ending(over: threading.Event) -> Iterator[None]:
    """Let the producers end, also where the fault itself fails."""
    try:
        yield
    finally:
        over.set()


async def _read(site: Site, job_id: str) -> list[object]:
    async with AsyncJobQueue(site.url, prefix=site.prefix) as queue:
        return [event async for event in queue.job(job_id).events(fresh=False)]


def _submit(site: Site, over: threading.Event) -> list[str]:
    accepted = []
    while not over.wait(0.1):
        accepted.append(site.queue.generate(MODEL, "short one").id)
    return accepted


async def _submit_async(site: Site, over: threading.Event) -> list[str]:
    accepted = []
    async with AsyncJobQueue(site.url, prefix=site.prefix) as queue:
        while not over.is_set():
            accepted.append((await queue.generate(MODEL, "short one")).id)
            await asyncio.sleep(0.1)
    return accepted


def _check_flower(flower: Asked, site: Site) -> None:
    """Flower asks the worker over the new master, and hears of a job that ran after the failover."""

    def heard() -> bool:
        job = site.queue.generate(MODEL, "short one")
        job.result(60)
        return flower(f"task/info/{job.id}").ok

    wait_until(heard)
    wait_until(lambda: len(flower("workers?refresh=1").json()) == 1)
    lengths = flower("queues/length").json()["active_queues"]
    assert {"name": site.prefix, "messages": 0} in lengths

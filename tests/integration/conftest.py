"""Running services that the tests of a process share (a worker takes seconds to start), and one of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from tests.integration.house import House, fresh_name
from tests.worker_process import WorkerProcess


@contextmanager
def open_house(redis_url: str, slots: int) -> Iterator[House]:
    """A scripted host and a worker with so many slots.

    The worker is quick to see a changed model, and to notice a cancel whose message was lost with a killed connection.
    """
    prefix = f"test-{fresh_name()[:12]}"
    with (
        JobQueue(redis_url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=slots) as ollama,
        WorkerProcess(redis_url, ollama.url, prefix=prefix, slots=slots, probe_seconds=0.5, lease_seconds=6) as worker,
    ):
        worker.start().ready(queue)
        house = House(redis_url, prefix, queue, ollama)
        yield house
        house.close()


@pytest.fixture(scope="session")
def open_to_all(redis_server: EmbeddedRedis) -> Iterator[House]:
    """Use `house`, which keeps tests apart."""
    with open_house(redis_server.url, slots=2) as house:
        yield house


@pytest.fixture(scope="session")
def open_to_one(redis_server: EmbeddedRedis) -> Iterator[House]:
    """Use `narrow_house`, which keeps tests apart."""
    with open_house(redis_server.url, slots=1) as house:
        yield house


@pytest.fixture
def house(open_to_all: House) -> Iterator[House]:
    """The shared service with two slots, idle, and left idle."""
    open_to_all.begin()
    yield open_to_all
    open_to_all.tidy()


@pytest.fixture
def narrow_house(open_to_one: House) -> Iterator[House]:
    """The same with one slot, where order shows."""
    open_to_one.begin()
    yield open_to_one
    open_to_one.tidy()


@pytest.fixture
def own_house(redis_server: EmbeddedRedis, prefix: str, queue: JobQueue, ollama: ScriptedOllama) -> Iterator[House]:
    """A host with two slots that no worker serves yet: `start_worker` gives it some."""
    house = House(redis_server.url, prefix, queue, ollama)
    yield house
    house.close()

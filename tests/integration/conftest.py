"""Running services that the tests of a process share (a worker takes seconds to start), and one of a test's own."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from tests.service import Service, start_service


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process of pytest-xdist run all tests of one slot, so that only this one starts that service."""
    for item in items:
        grouped = item.get_closest_marker("xdist_group") is not None
        if not grouped and "single_slot_service" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("single slot"))


@pytest.fixture(scope="package")
def shared_service(redis_server: EmbeddedRedis) -> Iterator[Service]:
    """Use `service`, which keeps tests apart."""
    with start_service(redis_server.url, slots=2) as service:
        yield service


@pytest.fixture(scope="package")
def shared_single_slot_service(redis_server: EmbeddedRedis) -> Iterator[Service]:
    """Use `single_slot_service`, which keeps tests apart."""
    with start_service(redis_server.url, slots=1) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> Iterator[Service]:
    """The shared service with two slots, idle, and left idle."""
    with shared_service.apart() as service:
        yield service


@pytest.fixture
def single_slot_service(shared_single_slot_service: Service) -> Iterator[Service]:
    """The same with one slot, where order shows."""
    with shared_single_slot_service.apart() as service:
        yield service


@pytest.fixture
def own_service(redis_server: EmbeddedRedis, prefix: str, queue: JobQueue, ollama: ScriptedOllama) -> Iterator[Service]:
    """A host with two slots that no worker serves yet: `start_worker` gives it some."""
    service = Service(redis_server.url, prefix, queue, ollama)
    yield service
    service.close()

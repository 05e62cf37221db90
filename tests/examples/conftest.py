"""One worker in front of one scripted host for all examples of a process."""

import os
from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from tests.service import Service, start_service
from tests.worker_process import CHECKOUT


@pytest.fixture(scope="package")
def shared(redis_server: EmbeddedRedis) -> Iterator[Service]:
    """Use `service`, which keeps tests apart."""
    with start_service(redis_server.url, slots=2) as service:
        yield service


@pytest.fixture
def service(shared: Service) -> Iterator[Service]:
    """The service, idle, and left idle."""
    with shared.apart() as service:
        yield service


@pytest.fixture(scope="package")
def environment(shared: Service) -> dict[str, str]:
    """What an example is told of where it runs."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
    return bare | {"LLAMAQ_REDIS_URL": shared.url, "LLAMAQ_PREFIX": shared.prefix, "PYTHONPATH": str(CHECKOUT)}

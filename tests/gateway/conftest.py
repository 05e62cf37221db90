"""A service with a gateway before it, which the tests of a process share."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from tests.gateway_process import GatewayProcess
from tests.service import Service, start_service


@pytest.fixture(scope="package")
def shared_front(redis_server: EmbeddedRedis) -> Iterator[tuple[Service, GatewayProcess]]:
    """Use `service` and `gateway`, which keep tests apart."""
    with (
        start_service(redis_server.url, slots=2) as service,
        GatewayProcess(redis_server.url, prefix=service.prefix) as gateway,
    ):
        yield service, gateway


@pytest.fixture
def service(shared_front: tuple[Service, GatewayProcess]) -> Iterator[Service]:
    """A worker with two slots and a scripted host (`embedded.scripted.MODELS`), idle, and left idle."""
    service, _ = shared_front
    with service.apart():
        yield service


@pytest.fixture
def gateway(shared_front: tuple[Service, GatewayProcess], service: Service) -> GatewayProcess:
    """A gateway without keys before `service`, whose host a test scripts: `service.ollama.script(tokens=["a"])`."""
    return shared_front[1]

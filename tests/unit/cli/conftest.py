"""Fixtures: one Redis for all tests here, a fake worker for each, and the shell that starts `llamaq`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from tests.unit.cli.fake_worker import FakeWorker
from tests.unit.cli.shell import Shell

Llamaq = Callable[..., Shell]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with EmbeddedRedis.start(appendonly=False) as server:
        yield server.url


@pytest.fixture
def fake_worker(redis_url: str, request: pytest.FixtureRequest) -> Iterator[FakeWorker]:
    """Indirect parameters are those of `FakeWorker`."""
    fake_worker = FakeWorker(redis_url, **getattr(request, "param", {}))
    yield fake_worker
    fake_worker.close()


@pytest.fixture
def started() -> Iterator[list[Shell]]:
    shells: list[Shell] = []
    yield shells
    for shell in shells:
        shell.end()


@pytest.fixture
def llamaq(fake_worker: FakeWorker, started: list[Shell]) -> Llamaq:
    """Start `llamaq` with pipes."""

    def start(*args: str, **how: Any) -> Shell:
        shell = Shell.piped(*args, **{"LLAMAQ_REDIS_URL": fake_worker.url, "LLAMAQ_PREFIX": fake_worker.prefix} | how)
        started.append(shell)
        return shell

    return start


@pytest.fixture
def terminal(fake_worker: FakeWorker, started: list[Shell]) -> Llamaq:
    """Start `llamaq` on a pseudo-terminal."""

    def start(*args: str, **how: Any) -> Shell:
        shell = Shell.on_terminal(
            *args, **{"LLAMAQ_REDIS_URL": fake_worker.url, "LLAMAQ_PREFIX": fake_worker.prefix} | how
        )
        started.append(shell)
        return shell

    return start

"""Fixtures: one Redis for all tests here, a stage of its own for each, and the shell that starts `llamaq` there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from tests.unit.cli.shell import Shell
from tests.unit.cli.stage import Stage

Llamaq = Callable[..., Shell]


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with EmbeddedRedis.start(appendonly=False) as server:
        yield server.url


@pytest.fixture
def stage(redis_url: str, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Indirect parameters are the stage's own."""
    stage = Stage(redis_url, **getattr(request, "param", {}))
    yield stage
    stage.close()


@pytest.fixture
def started() -> Iterator[list[Shell]]:
    shells: list[Shell] = []
    yield shells
    for shell in shells:
        shell.end()


@pytest.fixture
def llamaq(stage: Stage, started: list[Shell]) -> Llamaq:
    """Start `llamaq` with pipes."""

    def start(*args: str, **how: Any) -> Shell:
        shell = Shell.piped(*args, **{"LLAMAQ_REDIS_URL": stage.url, "LLAMAQ_PREFIX": stage.prefix} | how)
        started.append(shell)
        return shell

    return start


@pytest.fixture
def terminal(stage: Stage, started: list[Shell]) -> Llamaq:
    """Start `llamaq` on a pseudo-terminal."""

    def start(*args: str, **how: Any) -> Shell:
        shell = Shell.on_terminal(*args, **{"LLAMAQ_REDIS_URL": stage.url, "LLAMAQ_PREFIX": stage.prefix} | how)
        started.append(shell)
        return shell

    return start

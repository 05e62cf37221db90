"""Fixtures: one Redis for all tests here, a fake worker for each, and the shell that starts `llamaq`."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from embedded.redis import EmbeddedRedis
from llamaq.cli.app import app
from tests.unit.cli.fake_worker import FakeWorker
from tests.unit.cli.shell import Shell

Llamaq = Callable[..., Shell]


class Ran(NamedTuple):
    """A command that has ended: its exit code, and what it has written to stdout and stderr."""

    code: int
    out: str
    err: str


Here = Callable[..., Ran]


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
def here(fake_worker: FakeWorker) -> Here:
    """Run `llamaq` in this process, to its end, without the second that a process of its own takes to start."""
    environ = {"LLAMAQ_REDIS_URL": fake_worker.url, "LLAMAQ_PREFIX": fake_worker.prefix}

    def run(*args: str, stdin: str = "") -> Ran:
        done = CliRunner().invoke(app, args, input=stdin, env=environ)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    return run


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

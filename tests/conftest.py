"""What most tests stand on: a real Redis, a scripted Ollama over real HTTP, a producer, and real workers.

One Redis serves a whole test process; each test has a prefix of its own in it. A Redis that cannot be started fails
the tests. What else a test runs beside Python, it says with `needs` (tests/needs.py).
"""

import gc
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog
from hypothesis import settings

from embedded import process
from embedded.bound_exec import die_with
from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from llamaq.store import log_follower
from tests import forked, groups, needs
from tests.worker_process import WorkerProcess

MODEL = "smollm2:135m"

StartWorker = Callable[..., WorkerProcess]
Measure = Callable[[str, float], None]


def pytest_configure(config: pytest.Config) -> None:
    """Bring the marker `needs`, make `xdist_group` work, and bind processes to each other."""
    config.pluginmanager.register(needs)
    config.pluginmanager.register(groups)
    # hypothesis' own limit for an example, 200 ms, is one of speed, and a busy machine misses it.
    settings.register_profile("without a limit of time", deadline=None)
    settings.load_profile("without a limit of time")
    gc.disable()  # until all tests are collected: the collector would look through them again and again
    # As below `run.py`. Programs find the checkout, and are forked: tests.forked compares this variable.
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(forked.CHECKOUT) not in path:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(forked.CHECKOUT), *path]))
    # Otherwise each process of a run compiles the tests and the checkout anew, 5 s for each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    process.spawn = forked.spawn  # type: ignore[assignment,attr-defined]  # scripted hosts are many
    if hasattr(config, "workerinput"):  # a process of pytest-xdist
        die_with(os.getppid())
    # structlog's own format renders the source and the variables of each frame, which takes 50 ms for each error.
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])
    # nohup and a shell's background jobs ignore Ctrl-C, which children inherit; some tests send it to theirs.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from the tests that were collected: it took a third of that time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """A Redis that the tests of this process share. A test that ends or fills a Redis starts its own."""
    with EmbeddedRedis.start() as server:
        yield server


@pytest.fixture
def prefix() -> str:
    """The first part of this test's keys and channels."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def queue(redis_server: EmbeddedRedis, prefix: str) -> Iterator[JobQueue]:
    """A producer."""
    with JobQueue(redis_server.url, prefix=prefix) as producer:
        yield producer


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of this process that are asked for an unknown job wait 0.3 s for it, not 3 s."""
    monkeypatch.setattr(log_follower, "APPEAR_SECONDS", 0.3)


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    """A scripted host with two slots."""
    with ScriptedOllama.start(slots=2) as host:
        yield host


@pytest.fixture
def start_worker(
    redis_server: EmbeddedRedis, prefix: str, ollama: ScriptedOllama, queue: JobQueue
) -> Iterator[StartWorker]:
    """Starts a worker on the scripted host, ready to work; settings are given as keywords: `start_worker(slots=4)`."""
    with ExitStack() as stack:

        def start(command: list[str] | None = None, **settings: object) -> WorkerProcess:
            given = {"prefix": prefix, "slots": 2, **settings}
            worker = stack.enter_context(WorkerProcess(redis_server.url, ollama.url, command, **given))
            return worker.start().ready(queue)

        yield start


@pytest.fixture
def worker(start_worker: StartWorker) -> WorkerProcess:
    """One worker with two slots."""
    return start_worker()


@pytest.fixture
def measure(record_property: Callable[[str, object], None]) -> Measure:
    """Keeps a figure (seconds) for docs/reliability.md: it stands in the report of `--junitxml`, and is not judged."""

    def keep(name: str, seconds: float) -> None:
        record_property(name, round(seconds, 3))
        print(f"measured: {name} {seconds:.3f} s")  # noqa: T201 - as above

    return keep

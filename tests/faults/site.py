"""Everything that one test may break: a Redis, a host, workers and a producer, each of its own."""

from contextlib import ExitStack
from typing import Any, Self

import psutil

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.sentinel import WatchedRedis
from llamaq import Job, JobQueue
from llamaq.vocabulary.events import Started
from tests.faults.proxy import OutageProxy
from tests.service import Service, fresh_name, wait_until
from tests.worker_process import WorkerProcess

LEASE_SECONDS = 3
LONG_LEASE_SECONDS = 60
"""Only the test lets them lapse, with `expire_leases`; never a machine that stands still."""
HOST = "the-host"
LOG_CHARS = 6_000
"""Of each worker's log, told when a test fails."""


class Site(Service):
    """A service whose Redis and workers may be hurt.

    Attributes:
        address: the Redis, or a proxy before it.
        workers: all that were started, dead ones too.
    """

    def __init__(self, server: EmbeddedRedis | OutageProxy | WatchedRedis, ollama: ScriptedOllama) -> None:
        self._stack = ExitStack()
        prefix = f"test-{fresh_name()[:12]}"
        queue = self._stack.enter_context(JobQueue(server.url, prefix=prefix))
        super().__init__(server.url, prefix, queue, ollama)
        self.address = server
        self.workers: list[WorkerProcess] = []

    @property
    def server(self) -> EmbeddedRedis:
        """The Redis."""
        assert isinstance(self.address, EmbeddedRedis)
        return self.address

    def start_workers(self, number: int, command: list[str] | None = None, **settings: object) -> list[WorkerProcess]:
        """Start so many workers on the host, quick to see a lost lease, and wait until the fleet knows them."""
        given = {"prefix": self.prefix, "slots": 2, "host": HOST, "lease_seconds": LEASE_SECONDS, **settings}
        address = {"redis_url": self.url, "ollama_url": self.ollama.url, "command": command, **given}
        started = [self._stack.enter_context(WorkerProcess(**address)).start() for _ in range(number)]  # type: ignore[arg-type]  # settings are of any type
        self.workers += started
        for worker in started:
            self._wait_ready(worker, str(given["host"]))
        return started

    def start_worker(self, command: list[str] | None = None, **settings: object) -> WorkerProcess:
        """Start one."""
        (worker,) = self.start_workers(1, command, **settings)
        return worker

    def is_listening(self, worker: WorkerProcess) -> bool:
        """Whether a worker waits for a message of the broker right now, over a connection of its own."""
        ports = {connection.laddr.port for connection in psutil.Process(worker.process.pid).net_connections("tcp")}
        clients = self.redis.client_list()
        return any(client["cmd"] == "brpop" and int(client["addr"].rpartition(":")[2]) in ports for client in clients)

    def find_worker(self, started: Started) -> WorkerProcess:
        """Find the worker that began an attempt."""
        return next(worker for worker in self.workers if parse_pid(started.worker) == worker.process.pid)

    def is_withdrawn(self, worker: WorkerProcess, host: str = HOST) -> bool:
        """Whether the fleet no longer counts on a worker."""
        return not self._is_reported(worker, host)

    def close(self) -> None:
        """End all that was started; pytest shows the workers' words where a test failed."""
        for worker in self.workers:
            print(f"--- worker {worker.process.pid}\n{worker.log()[-LOG_CHARS:]}")  # noqa: T201 - as above
        self._stack.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_ready(self, worker: WorkerProcess, host: str) -> None:
        def is_ready() -> bool:
            assert worker.process.poll() is None, f"the worker ended:\n{worker.log()}"
            return self._is_reported(worker, host)

        wait_until(is_ready)

    def _is_reported(self, worker: WorkerProcess, host: str) -> bool:
        names = self.redis.zrange(f"{self.prefix}:host:{host}:workers", 0, -1)
        return any(parse_pid(name) == worker.process.pid for name in names)


def parse_pid(worker: str) -> int:
    """Parse the process id out of a worker's name, `<machine>:<pid>:<random>`."""
    return int(worker.rsplit(":", 2)[1])


def wait_for_start(job: Job[Any], attempt: int = 1) -> Started:
    """Wait for the beginning of an attempt."""
    seen = []
    for event in job.events():
        seen.append(event)
        if isinstance(event, Started) and event.attempt == attempt:
            return event
    raise AssertionError(f"the job ended before attempt {attempt}: {seen}")

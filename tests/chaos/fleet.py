"""What runs: one Redis, two hosts, three workers; and what was done to them, with the times."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import Script
from llamaq import JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.chaos.host_observer import HostObserver, Window
from tests.worker_process import WorkerProcess

PREFIX = "chaos"
SLOTS = 2
LEASE_SECONDS = 4
HOSTS = ("alpha", "beta")
HOST_OF_WORKER = (0, 0, 1)
MAX_ATTEMPTS = 6
"""More than the default: the point is what becomes of jobs, not how soon they are given up."""


@dataclass
class InjectedFaults:
    """What was done.

    Attributes:
        counts: faults by name.
        killed: when each killed worker died, by process id; Unix seconds.
        away: when Redis was down, from and to; Unix seconds.
        frozen: when workers were frozen, by host; monotonic seconds.
    """

    counts: dict[str, int] = field(default_factory=dict)
    killed: dict[int, float] = field(default_factory=dict)
    away: list[tuple[float, float]] = field(default_factory=list)
    frozen: list[Window] = field(default_factory=list)

    def was_away(self, begin: float, end: float) -> bool:
        """Whether Redis was down in this time."""
        return any(gone < end and begin < back for gone, back in self.away)

    def count(self, what: str) -> None:
        """Take note of one fault."""
        self.counts[what] = self.counts.get(what, 0) + 1


class Fleet:
    """All processes of a run.

    Attributes:
        injected: what was done to them.
        observer: what the hosts saw.
    """

    def __init__(self, scripts: Callable[[], list[Script]], logs: Path | None = None) -> None:
        self._stack = ExitStack()
        self._scripts = scripts
        self._logs = logs
        self.injected = InjectedFaults()
        self.observer = HostObserver()
        self.keys = Keys(PREFIX)
        self.server = self._stack.enter_context(EmbeddedRedis.start())
        self.redis: Any = redis.Redis.from_url(self.server.url, decode_responses=True)
        self._stack.callback(self.redis.close)
        self.hosts = [self._stack.enter_context(ScriptedOllama.start(slots=8, max_models=8)) for _ in HOSTS]
        for host in self.hosts:
            host.script(*scripts())
        self.workers = [self._start(number) for number in range(len(HOST_OF_WORKER))]
        self._dead: list[WorkerProcess] = []

    def producer(self) -> JobQueue:
        """A producer of its own."""
        return JobQueue(self.server.url, settings=Settings(keys=self.keys, max_attempts=MAX_ATTEMPTS))

    def ready(self) -> None:
        """Wait until the fleet knows both hosts."""
        with self.producer() as queue:
            limit = time.monotonic() + 60
            while {model.host for model in queue.models()} != set(HOSTS):
                assert time.monotonic() < limit, "the workers are not ready"
                time.sleep(0.05)

    def kill_worker(self, number: int) -> None:
        """End a worker with SIGKILL and start another in its place."""
        worker = self.workers[number]
        worker.signal(signal.SIGKILL)
        self.injected.killed[worker.process.pid] = time.time()
        worker.wait()
        self._replace(number)

    def stop_worker(self, number: int) -> None:
        """End a worker in order, and start another beside it."""
        self.workers[number].signal(signal.SIGTERM)
        self._replace(number)

    def freeze(self, number: int) -> Callable[[], None]:
        """Stop a worker where it stands; what is returned lets it go on."""
        worker, began = self.workers[number], time.monotonic()
        worker.freeze()

        def thaw() -> None:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
            self.injected.frozen.append(Window(HOSTS[HOST_OF_WORKER[number]], began, time.monotonic()))

        return thaw

    def kill_host(self, number: int) -> Callable[[], None]:
        """End a host with SIGKILL; what is returned brings it back."""
        host = self.hosts[number]
        self.observer.take(HOSTS[number], host, time.monotonic())
        host.kill()

        def back() -> None:
            host.restart()
            host.script(*self._scripts())

        return back

    def end_redis(self, how: str) -> Callable[[], None]:
        """End Redis by `kill` or `shut_down`; what is returned brings it back."""
        ended = time.time()
        getattr(self.server, how)()

        def back() -> None:
            self.server.restart()
            self.injected.away.append((ended, time.time()))

        return back

    def cut_connections(self) -> None:
        """Cut all connections to Redis."""
        for kind in ("normal", "pubsub"):
            self.redis.client_kill_filter(_type=kind, skipme=True)

    def broken(self) -> list[str]:
        """What must not be found in any worker's log: a fault of ours that was caught, or the end of a thread."""
        signs = ("a job failed by a fault of ours", "Unrecoverable error", "Exception in thread")
        every = [*self.workers, *self._dead]
        return [line[:2_000] for worker in every for line in worker.log().splitlines() if any(s in line for s in signs)]

    def close(self) -> None:
        """Keep the logs where that was asked for, and end everything."""
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            for worker in [*self.workers, *self._dead]:
                (self._logs / f"worker-{worker.process.pid}.log").write_text(worker.log())
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, number: int) -> WorkerProcess:
        place = HOST_OF_WORKER[number]
        worker = WorkerProcess(
            self.server.url,
            self.hosts[place].url,
            prefix=PREFIX,
            host=HOSTS[place],
            slots=SLOTS,
            max_models=3,
            lease_seconds=LEASE_SECONDS,
            drain_seconds=2,
            probe_seconds=1,
        )
        return self._stack.enter_context(worker).start()

    def _replace(self, number: int) -> None:
        self._dead.append(self.workers[number])
        self.workers[number] = self._start(number)

"""What runs: one Redis behind proxies, two hosts, three workers."""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import redis

from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import Script
from llamaq import JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.keys import Keys
from tests.chaos.host_observer import HostObserver, Window
from tests.chaos.injected import InjectedFaults, Moments
from tests.chaos.redis_server import KEPT, ChaosRedis
from tests.faults.proxy import Proxy
from tests.worker_process import WorkerProcess

PREFIX = "chaos"
SLOTS = 2
LEASE_SECONDS = 4
RENEW_SECONDS = 2.0
"""Within which a worker that reaches Redis hears that another attempt has its job, and closes its request."""
HOSTS = ("alpha", "beta")
HOST_OF_WORKER = (0, 0, 1)
MAX_ATTEMPTS = 6
"""More than the default: the point is what becomes of jobs, not how soon they are given up."""


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
        self._directory = Path(tempfile.mkdtemp(prefix="llamaq-chaos-"))
        self._stack.callback(shutil.rmtree, self._directory, ignore_errors=True)
        self.server = self._stack.enter_context(ChaosRedis.start(self._directory / "redis", options=KEPT))
        # The last one is that of the producers and of the run itself.
        proxies = [self._stack.enter_context(Proxy(self.server.port)) for _ in (*HOST_OF_WORKER, "producers")]
        self._proxies, self.url = proxies, proxies[-1].url
        self.redis: Any = redis.Redis.from_url(self.url, decode_responses=True)
        self._stack.callback(self.redis.close)
        self.hosts = [self._stack.enter_context(ScriptedOllama.start(slots=8, max_models=8)) for _ in HOSTS]
        for host in self.hosts:
            host.script(*scripts())
        self.workers = [self._start(number) for number in range(len(HOST_OF_WORKER))]
        self._dead: list[WorkerProcess] = []

    def open_queue(self) -> JobQueue:
        """Open a producer."""
        return JobQueue(self.url, settings=Settings(keys=self.keys, max_attempts=MAX_ATTEMPTS))

    def wait_ready(self) -> None:
        """Wait until the fleet knows both hosts."""
        with self.open_queue() as queue:
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

    def silence(self, number: int) -> Callable[[], None]:
        """Let nothing more pass over a worker's open connections to Redis; what is returned lets it flow on."""
        flow, began = self._proxies[number].silence(), time.monotonic()

        def undo() -> None:
            flow()
            self.injected.frozen.append(Window(HOSTS[HOST_OF_WORKER[number]], began, time.monotonic() + RENEW_SECONDS))

        return undo

    def kill_host(self, number: int) -> Callable[[], None]:
        """End a host with SIGKILL; what is returned brings it back."""
        host = self.hosts[number]
        self.observer.take(HOSTS[number], host, time.monotonic())
        host.kill()

        def undo() -> None:
            host.restart()
            host.script(*self._scripts())

        return undo

    def end_redis(self, how: str) -> Callable[[], None]:
        """End Redis by `kill` or `shut_down`; what is returned brings it back."""
        ended = time.time()
        getattr(self.server, how)()

        def undo() -> None:
            self.server.restart()
            self.injected.away.append(Moments(ended, time.time()))

        return undo

    def rewind_redis(self) -> Callable[[], None]:
        """Note where Redis stands; what is returned takes it back to there."""
        noted, snapshot = time.time(), self.server.take_snapshot()

        def undo() -> None:
            ended, began = time.time(), time.monotonic()
            self.server.rewind(snapshot)
            self.injected.away.append(Moments(ended, time.time()))
            self.injected.lost.append(Moments(noted, time.time()))
            # Until its next renewal a worker does not know that the job which it runs has been given to another one.
            self.injected.frozen += [Window(host, began, time.monotonic() + RENEW_SECONDS) for host in HOSTS]

        return undo

    def swap_redis(self) -> Callable[[], None]:
        """Make Redis a replica of another one, which is led to by new connections alone; what is returned undoes it."""
        second = ChaosRedis.start(self._directory / "second", options=KEPT)
        self.server.hand_over(second)
        self._redirect(second.port)

        def undo() -> None:
            second.hand_over(self.server)
            self._redirect(self.server.port)
            second.stop()
            shutil.rmtree(second.directory)

        return undo

    def set_clock(self, offset_seconds: float) -> Callable[[], None]:
        """Set Redis' clock; what is returned sets it right."""
        began = time.time()
        self.server.set_clock(offset_seconds)

        def undo() -> None:
            self.server.set_clock(0)
            self.injected.wrong_clock.append(Moments(began, time.time()))

        return undo

    def cut_connections(self) -> None:
        """Cut all connections to Redis."""
        for kind in ("normal", "pubsub"):
            self.redis.client_kill_filter(_type=kind, skipme=True)

    def list_failures(self) -> list[str]:
        """List what must not be found in any worker's log: a fault of ours that was caught, or the end of a thread."""
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

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, number: int) -> WorkerProcess:
        place = HOST_OF_WORKER[number]
        worker = WorkerProcess(
            self._proxies[number].url,
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

    def _redirect(self, port: int) -> None:
        for proxy in self._proxies:
            proxy.target = port

    def _replace(self, number: int) -> None:
        self._dead.append(self.workers[number])
        self.workers[number] = self._start(number)

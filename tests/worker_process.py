"""A real worker in a process of its own, and the ways in which it ends."""

import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from llamaq import JobQueue
from tests import forked

CHECKOUT = Path(__file__).parents[1]
READY_SECONDS = 60.0


class WorkerProcess:
    """`run.py worker` with settings of its own; it dies with this process.

    Its output is kept, and told when it does not start.
    """

    COMMAND = (sys.executable, "-m", "worker")

    def __init__(self, redis_url: str, ollama_url: str, command: list[str] | None = None, **settings: object) -> None:
        self._settings = {"redis_url": redis_url, "ollama_url": ollama_url, **settings}
        self._command = command or [*self.COMMAND]
        self._log = tempfile.NamedTemporaryFile("ab")  # noqa: SIM115 - closed by `close`
        self._process: forked.Program | None = None

    def start(self) -> Self:
        """Start it without waiting for anything."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
        environment |= {f"LLAMAQ_{name.upper()}": str(value) for name, value in self._settings.items()}
        output = self._log.fileno()
        self._process = forked.spawn(self._command, output=output, errors=output, environment=environment)
        return self

    def ready(self, queue: JobQueue) -> Self:
        """Wait until the fleet knows its host."""
        limit = time.monotonic() + READY_SECONDS
        while not queue.models():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(f"the worker is not ready:\n{self.log()}")
            time.sleep(0.05)
        return self

    @property
    def process(self) -> forked.Program:
        """The process."""
        assert self._process is not None, "not started"
        return self._process

    @property
    def node(self) -> str:
        """Celery's name of it."""
        return f"llamaq-{self.process.pid}@{socket.gethostname()}"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def freeze(self) -> None:
        """Stop all its threads with SIGSTOP, and wait until they have stopped: the signal takes effect later.

        The kernel hands the signal to one thread. Until that thread runs, the others go on.
        """
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def wait(self, seconds: float = 60) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def log(self) -> str:
        """What it has printed."""
        # Opened anew, because the process moves the position of the file that it shares.
        return Path(self._log.name).read_text("utf-8")

    def close(self) -> None:
        """End it, whatever it does, and forget its output."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.send_signal(signal.SIGCONT)
            self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

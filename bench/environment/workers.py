"""The workers that are compared, each in a process of its own, or in one that it starts."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from bench import peers
from embedded.child import spawn

STOP_SECONDS = 20.0
PEERS = ("taskiq", "dramatiq")
"""Other task queues that have a worker here."""


class WorkerProcess:
    """A worker that runs from `__enter__` to `__exit__`. Its output is kept, for an error at its start."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, object],
        *,
        program: Sequence[str] = (sys.executable, "-m"),
        group: bool = False,
    ) -> None:
        """Prepare it; `command` follows the `program`. With `group`, the processes that it starts end with it."""
        self._group = group
        variables = [f"{name}={value}" for name, value in environment.items()]
        self._command = ["env", *variables, *program, *command]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__

    def __enter__(self) -> Self:
        output = self._log.fileno()
        self._process = spawn(self._command, output=output, errors=output, group=self._group)
        return self

    def __exit__(self, *_: object) -> None:
        # Killed, because a drain would take time, and its jobs are not needed any more.
        for one in process_tree(self.pid):
            one.kill()
        self._process.wait(STOP_SECONDS)
        self._log.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeError, with its output, if it has ended."""
        if self._process.poll() is not None:
            self._log.seek(0)
            raise RuntimeError(f"the worker has ended:\n{self._log.read().decode(errors='replace')}")


def process_tree(pid: int) -> list[psutil.Process]:
    """List a process, and those that it has started."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def start_llamaq_worker(redis_url: str, ollama_url: str, slots: int) -> WorkerProcess:
    """Start `run.py worker`, as in production."""
    settings = {"LLAMAQ_REDIS_URL": redis_url, "LLAMAQ_OLLAMA_URL": ollama_url, "LLAMAQ_SLOTS": slots}
    return WorkerProcess(["worker"], settings)


def start_naive_worker(redis_url: str, ollama_url: str, slots: int) -> WorkerProcess:
    """Start the tutorial's worker, with as many threads as there are slots."""
    command = [
        "celery",
        "-A",
        "bench.environment.naive_task",
        "worker",
        "-P",
        "threads",
        "-c",
        str(slots),
        "--loglevel",
        "INFO",
    ]
    return WorkerProcess(command, {"NAIVE_REDIS_URL": redis_url, "NAIVE_OLLAMA_URL": ollama_url})


def start_peer_worker(name: str, python: Path, redis_url: str, ollama_url: str, slots: int) -> WorkerProcess:
    """Start the worker of another task queue, with as many threads or tasks as there are slots, in one process."""
    commands = {
        "taskiq": ["taskiq", "worker", "taskiq_task:broker", "--workers", "1", "--max-async-tasks", str(slots)],
        "dramatiq": ["dramatiq", "dramatiq_task", "--processes", "1", "--threads", str(slots)],
    }
    folder = Path(peers.__file__).parent
    environment = {"PEER_REDIS_URL": redis_url, "PEER_OLLAMA_URL": ollama_url, "PYTHONPATH": folder}
    return WorkerProcess(commands[name], environment, program=(str(python), "-m"), group=True)

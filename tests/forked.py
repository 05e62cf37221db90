"""`python -m <module>` of this checkout in a process of its own, forked where that can be (tests/fork_server.py)."""

import atexit
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

from embedded import child
from tests.fork_server import Start

CHECKOUT = Path(__file__).parents[1]
START_SECONDS = 60.0
PROGRAMS = ("worker", "gateway", "llamaq", "embedded.scripted", "tests.changed_worker", "tests.faults.shifted_worker")
# Read when modules are imported, so by the server and not by the program.
_READ_AT_IMPORT = ("PYTHON", "OTEL_", "PROMETHEUS_", "CELERY_", "PYDANTIC_")
_PR_SET_CHILD_SUBREAPER = 36
_POLL_SECONDS = 0.005


class Files(NamedTuple):
    """File descriptors of a program's standard input, output and errors."""

    stdin: int
    stdout: int
    stderr: int


class Forked:
    """A forked program: a child of this process, with the methods and attributes of `subprocess.Popen` for one.

    Attributes:
        pid: its process id.
        returncode: as of `Popen`; None until its end has been noticed.
        stdout: its output, if it was started with a pipe.
    """

    def __init__(self, pid: int, command: list[str], stdout: IO[bytes] | None = None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._command = command
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        with self._waiting:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs after so many seconds.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if limit is not None and time.monotonic() > limit:
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


Program = Forked | subprocess.Popen[bytes]


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a program with these variables may be forked: the server has imported its modules with the same ones."""
    return sys.platform == "linux" and _at_import(environment) == _at_import(os.environ)


def fork(
    module: str,
    arguments: Sequence[str],
    files: Files,
    *,
    environment: Mapping[str, str],
    folder: Path = CHECKOUT,
    terminal: bool = False,
) -> Forked:
    """Fork `python -m <module> <arguments>`; it gets SIGKILL when this process ends.

    Args:
        module: as it stands in `sys.modules` of no program yet: its `__main__` runs.
        arguments: behind it.
        files: they stay open here.
        environment: all its variables.
        folder: where it works.
        terminal: whether it begins a session, with its standard input as the terminal.
    """
    pid = _server().fork(Start(module, [*arguments], dict(environment), os.fspath(folder), terminal), files)
    return Forked(pid, [module, *arguments])


def spawn(
    command: Sequence[str],
    *,
    output: int | None,
    errors: int | None,
    environment: Mapping[str, str] | None = None,
    group: bool = False,
) -> Program:
    """`embedded.child.spawn`, but that a program of ours is forked if it can be."""
    variables = os.environ if environment is None else environment
    forks = list(command[:2]) == [sys.executable, "-m"] and command[2] in PROGRAMS and not group
    if not forks or not can_fork(variables):
        return child.spawn(command, output=output, errors=errors, environment=environment, group=group)
    nothing = os.open(os.devnull, os.O_RDWR)
    ours, theirs = os.pipe() if output == subprocess.PIPE else (None, None)
    given = {None: None, subprocess.PIPE: theirs, subprocess.DEVNULL: nothing}
    out, err = given.get(output, output), given.get(errors, errors)
    try:
        files = Files(nothing, 1 if out is None else out, 2 if err is None else err)
        program = fork(command[2], command[3:], files, environment=variables)
    finally:
        os.close(nothing)
        if theirs is not None:
            os.close(theirs)
    program.stdout = None if ours is None else os.fdopen(ours, "rb")
    return program


def _at_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_IMPORT)}


class _Server:
    """The fork server of this process; it dies with it."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        folder = tempfile.mkdtemp()
        try:
            path = f"{folder}/socket"
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(path)
                listener.listen()
                listener.settimeout(START_SECONDS)
                command = [sys.executable, "-m", "tests.fork_server", path, str(os.getpid())]
                self._process = child.spawn(command, output=None, errors=None)
                self._control, _ = listener.accept()
                self._control.settimeout(START_SECONDS)
        finally:
            shutil.rmtree(folder)

    def fork(self, start: Start, files: Files) -> int:
        """The process id of a program."""
        # The server does not stay the parent of what it forks. The next one above that asks for orphans becomes it.
        with self._one:
            _adopt_orphans(True)
            try:
                socket.send_fds(self._control, [json.dumps(start).encode()], files)
                return int(self._control.recv(32))
            finally:
                _adopt_orphans(False)

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.wait()


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def _adopt_orphans(yes: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(yes)):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")

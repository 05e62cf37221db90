"""Forks programs of this checkout that it has imported before: `python -m tests.fork_server SOCKET PARENT`.

A worker, a gateway and the command line spend half a second or more on their imports, which is most of the processor
time of a test that starts one. A forked one is a process of its own, as any other: it has its own id, environment,
files, signals and end. What differs is that its modules are there, and stay there at its end. So what is imported here
must read no variable that a test sets (tests/suite/test_fork_server.py).
"""

import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import socket
import sys
import termios
import threading
import time
from typing import NamedTuple

from embedded.bound_exec import die_with

# All but `worker.app`, which reads the settings when it is imported.
MODULES = (
    *("celery.bin.worker", "worker.worker", "worker.telemetry.logs", "worker.settings.environment"),
    *(f"worker.celery.{name}" for name in ("broker_address", "consumer", "intake", "model_listing", "task_request")),
    *("celery.fixups.django", "celery.loaders.app", "celery.concurrency.thread"),
    *("gateway.server.serve", "gateway.server.asgi", "uvicorn.lifespan.on", "uvloop"),
    *("llamaq.cli.app", "embedded.scripted.__main__"),
)
MOST_BYTES = 1 << 20


class Start(NamedTuple):
    """What to run: `python -m <module> <arguments>`; the three standard files come beside it."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    terminal: bool  # whether standard input becomes its controlling terminal


def preload() -> None:
    """Import what the programs import, out of the garbage collector's way."""
    gc.disable()
    for module in MODULES:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()


def serve(control: socket.socket, parent: int) -> None:
    """Fork a program for each request, until the parent ends."""
    while True:
        message, files, _, _ = socket.recv_fds(control, MOST_BYTES, 3)
        if not message:
            return
        between = os.fork()
        if between == 0:
            between = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == between:  # until it is a child of the tests' process, which can wait for its end
                time.sleep(0.001)
            if not die_with(parent):
                os._exit(1)
            _become(Start(*json.loads(message)), files, control)
            return
        for file in files:
            os.close(file)
        os.waitpid(between, 0)


def _become(start: Start, files: list[int], control: socket.socket) -> None:
    """Run the program in this process."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    if start.terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    else:
        os.setpgid(0, 0)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)
    sys.stdin, sys.stdout, sys.stderr = (_stream(number) for number in range(3))
    sys.path[0] = start.folder
    sys.argv = [start.module, *start.arguments]
    control.send(str(os.getpid()).encode())
    os.closerange(3, 256)
    control.detach()
    code = _run(start.module)
    # What Python does at an end, but for the last step: to free each object of each module. Here that copies every page
    # that is shared with the server, and takes longer than most programs.
    threading._shutdown()  # type: ignore[attr-defined]  # it waits for threads; no public name
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # Python tells of it
    os._exit(code)


def _run(module: str) -> int:
    """Run a module: the exit code of an orderly end. What ends it otherwise is left to Python."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        raise
    return 0


def _stream(number: int) -> io.TextIOWrapper:
    """A standard stream as Python makes it at its start."""
    unbuffered = bool(number and os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(
        open(number, "wb" if number else "rb", buffering=0 if unbuffered else -1, closefd=False),
        encoding="utf-8",
        errors="backslashreplace" if number == 2 else "strict",
        line_buffering=number == 2 or os.isatty(number),
        write_through=unbuffered,
    )


def main(path: str, parent: int) -> None:
    """Import, then serve the process that listens there."""
    preload()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(path)
    serve(control, parent)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

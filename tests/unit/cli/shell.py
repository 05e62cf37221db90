"""Runs the real command line in a process of its own: with pipes, or on a pseudo-terminal."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Self

from embedded.child import bind_command
from tests import forked

ROOT = Path(__file__).parents[3]
WAIT_SECONDS = 60.0
_CLEAN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "LLAMAQ_REDIS_URL", "LLAMAQ_PREFIX")


class Stream:
    """What came out so far; a thread reads on until the end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._wake = os.pipe()
        self._data = b""
        self._seen = 0
        self._ended = False
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def until(self, needle: str) -> None:
        """Wait until the text has come, behind what was waited for before."""
        with self._more:
            came = self._more.wait_for(lambda: self._find(needle) or self._ended, WAIT_SECONDS)
            assert came, f"{needle!r} did not come, only {self._text()!r}"
            assert self._find(needle), f"it ended with {self._text()!r}"
            self._seen = self._find(needle)

    def all(self) -> str:
        """Everything, once the process has closed it."""
        self._thread.join(WAIT_SECONDS)
        return self._text()

    def close(self) -> None:
        """Go away as a reader: the process gets EPIPE for what it writes from now on."""
        os.write(self._wake[1], b"x")
        self._thread.join(WAIT_SECONDS)

    def _find(self, needle: str) -> int:
        """Where the text ends, or 0."""
        at = self._data.find(needle.encode(), self._seen)
        return 0 if at < 0 else at + len(needle.encode())

    def _text(self) -> str:
        return self._data.decode("utf-8")

    def _read(self) -> None:
        while True:
            closed = self._wake[0] in select.select([self._fd, self._wake[0]], [], [])[0]
            try:
                data = b"" if closed else os.read(self._fd, 65536)
            except OSError:  # a pseudo-terminal's way to say that the other side has closed
                data = b""
            with self._more:
                self._data += data
                self._ended = not data
                self._more.notify_all()
            if not data:
                for fd in (self._fd, *self._wake):
                    os.close(fd)
                return


class Shell:
    """A started `llamaq`."""

    def __init__(self, process: forked.Program, out: Stream, err: Stream, keyboard: int | None = None) -> None:
        self._process = process
        self._keyboard = keyboard
        self.out = out
        self.err = err

    @classmethod
    def piped(cls, *args: str, stdin: bytes = b"", cwd: Path = ROOT, **environ: str) -> Self:
        (read, write), (out, out_of), (err, err_of) = (os.pipe() for _ in range(3))
        process = _start(args, forked.Files(read, out_of, err_of), cwd, _environ(environ))
        for theirs in (read, out_of, err_of):
            os.close(theirs)
        # It may have ended already, without a look at its input.
        with contextlib.suppress(BrokenPipeError), os.fdopen(write, "wb") as file:
            file.write(stdin)
        return cls(process, Stream(out), Stream(err))

    @classmethod
    def on_terminal(cls, *args: str, columns: int = 120, **environ: str) -> Self:
        """On a pseudo-terminal of its own: `out` and `err` are the same stream, as one sees it."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = _environ({"TERM": "xterm-256color", **environ})
        process = _start(args, forked.Files(slave, slave, slave), ROOT, variables, terminal=True)
        os.close(slave)
        screen = Stream(os.dup(master))
        return cls(process, screen, screen, master)

    def type(self, keys: str) -> None:
        assert self._keyboard is not None
        os.write(self._keyboard, keys.encode())

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        self._process.terminate()

    def running(self) -> bool:
        return self._process.poll() is None

    def code(self) -> int:
        """Wait for the end."""
        return self._process.wait(WAIT_SECONDS)

    def end(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._keyboard is not None:
            os.close(self._keyboard)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _start(
    args: tuple[str, ...], files: forked.Files, folder: Path, environ: dict[str, str], *, terminal: bool = False
) -> forked.Program:
    if forked.can_fork(environ):
        return forked.fork("llamaq", args, files, environment=environ, folder=folder, terminal=terminal)
    return subprocess.Popen(
        bind_command([sys.executable, "-m", "llamaq", *args]),
        stdin=files.stdin,
        stdout=files.stdout,
        stderr=files.stderr,
        env=environ,
        cwd=folder,
        start_new_session=terminal,
        preexec_fn=_take_terminal if terminal else None,  # noqa: PLW1509 - one ioctl between fork and exec takes no lock
    )


def _environ(more: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _CLEAN}
    return inherited | {"LC_ALL": "C.UTF-8"} | more

"""Runs a Python module as a server in its own process. The server prints its URL as the first line."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from embedded.child import spawn

_STOP_SECONDS = 15.0


class ServerFailed(RuntimeError):
    """The process ended before it listened. Its errors are on this process's standard error."""


class ServerProcess:
    """`python -m <module> --port <port> <arguments>`.

    Attributes:
        url: The URL on which it listens; the same after a restart.
    """

    def __init__(self, module: str, arguments: Sequence[str] = (), port: int = 0) -> None:
        self._module = module
        self._arguments = list(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._launch(port)

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            ServerFailed: It is not running.
        """
        if self._process is None:
            message = f"{self._module} is not running"
            raise ServerFailed(message)
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped; a process that ended by itself counts as running."""
        return self._process is not None

    def stop(self) -> int:
        """End it in order (SIGTERM). A second call has no effect.

        Returns:
            Its exit status: 0 if it ended in order, or was not running.
        """
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again on the same port, after ending it if it runs.

        Raises:
            ServerFailed: It did not start.
        """
        self.stop()
        self._launch(urlsplit(self.url).port or 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, port: int) -> None:
        command = [sys.executable, "-m", self._module, "--port", str(port), *self._arguments]
        self._process = spawn(command, output=subprocess.PIPE, errors=None)
        with self._process.stdout as first:  # type: ignore[union-attr] # a pipe was asked for
            # Blocks until the server listens, or has ended and closed the pipe.
            self.url = first.readline().decode().strip()
        if not self.url:
            status = self._process.wait()
            self._process = None
            message = f"{self._module} ended with status {status} before it listened"
            raise ServerFailed(message)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

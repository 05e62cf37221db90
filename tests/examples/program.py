"""An example as a program of its own: what it prints, line by line, and how it ends."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from embedded.child import bind_command
from tests.commands import run
from tests.worker_process import CHECKOUT

EXAMPLES = CHECKOUT / "examples"
SECONDS = 60.0


def output(command: Sequence[str], environment: dict[str, str], folder: Path) -> list[str]:
    """The lines that a command prints, which must end well."""
    done = run(command, cwd=folder, env=environment, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


class Program:
    """A command that runs until it is stopped, or ends by itself. Its errors go where its output goes."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], folder: Path) -> None:
        self._process = subprocess.Popen(
            bind_command(command),
            cwd=folder,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._output: IO[str] = self._process.stdout

    def line(self, pattern: str) -> re.Match[str]:
        """The next line that fits; the test's own time-out ends a wait for one that never comes."""
        seen = []
        for line in self._output:
            seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"it ended without {pattern!r}: {''.join(seen)}")

    def rest(self) -> list[str]:
        """All lines up to its end, which must be a good one."""
        lines = self._output.read().splitlines()
        assert self._process.wait(SECONDS) == 0, lines
        return lines

    def kill(self) -> None:
        """End it without asking."""
        self._process.kill()
        self._process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._output.close()

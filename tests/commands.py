"""Commands that cannot outlive the test that runs them."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from embedded.child import bind_command


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 100,
    check: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end: what it printed, and its exit code: 127 for a missing program.

    Raises:
        subprocess.TimeoutExpired: it took longer than so many seconds, and was killed.
        subprocess.CalledProcessError: `check`, and its exit code is not 0.
    """
    words = bind_command([os.fspath(word) for word in command], group=True)
    return subprocess.run(words, cwd=cwd, env=env, timeout=timeout, check=check, capture_output=True, text=True)


@contextmanager
def kill_at_end(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill a process at the end of the block, also where an assertion has failed."""
    with process:
        try:
            yield
        finally:
            process.kill()

"""Start a process that cannot outlive this one, not even when this one is killed with SIGKILL."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_ROOT = Path(__file__).resolve().parents[1]

# Linux sends the death signal when the *thread* that forked ends, not the process. So that a child outlives a caller's
# short thread, every child is forked by this one thread, which lives as long as the process does.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tether")


def spawn(command: Sequence[str], *, output: int | None, errors: int | None) -> subprocess.Popen[bytes]:
    """Start `command` so that it gets SIGKILL when this process ends, however it ends.

    Elsewhere than on Linux it is a plain child process.

    Args:
        command: The program and its arguments.
        output: Where its standard output goes: a file descriptor, or `subprocess.PIPE`, or None for ours.
        errors: The same for its standard error.

    Raises:
        OSError: The interpreter could not be started. A missing program shows as exit status 127.
    """
    tethered = [sys.executable, "-S", "-E", str(Path(__file__).resolve()), str(os.getpid()), *command]

    def fork() -> subprocess.Popen[bytes]:
        # From the checkout's root, so that `python -m worker...` finds our modules wherever we were started.
        return subprocess.Popen(  # noqa: S603 - our own servers, no shell
            tethered, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=_ROOT
        )

    return _forker.submit(fork).result()


def _tie_to(parent: int) -> None:
    """Ask for the death signal, then look whether the parent died in the moment before."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def main(arguments: list[str]) -> None:
    """Become the command: `tether.py <parent pid> <program> <arguments...>`."""
    _tie_to(int(arguments[0]))
    try:
        os.execvp(arguments[1], arguments[1:])  # noqa: S606 - no shell is wanted between us and the program
    except OSError as error:
        sys.stderr.write(f"{arguments[1]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Start a process that cannot outlive this one, not even when this one is killed with SIGKILL."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded import bound_exec

_ROOT = Path(__file__).resolve().parents[1]

# Linux sends the death signal when the *thread* that forked ends, not the process. So that a child outlives a caller's
# short thread, every child is forked by this one thread, which lives as long as the process does.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


def bound(command: Sequence[str], *, group: bool = False) -> list[str]:
    """The command of a process that gets SIGKILL when the thread that starts it ends.

    Elsewhere than on Linux it is a plain child process. A missing program shows as exit status 127.

    Args:
        command: The program and its arguments.
        group: Whether what the program itself has started is killed too when the program ends. It then has a process
            group of its own.
    """
    options = [bound_exec.GROUP] if group else []
    return [sys.executable, "-S", "-E", bound_exec.__file__, str(os.getpid()), *options, *command]


def spawn(
    command: Sequence[str],
    *,
    output: int | None,
    errors: int | None,
    environment: Mapping[str, str] | None = None,
    group: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `command` so that it gets SIGKILL when this process ends, however it ends; see `bound`.

    Args:
        command: The program and its arguments.
        output: Where its standard output goes: a file descriptor, or `subprocess.PIPE`, or None for ours.
        errors: The same for its standard error.
        environment: Its variables; None for ours.
        group: As of `bound`.

    Raises:
        OSError: The interpreter could not be started. A missing program shows as exit status 127.
    """

    def fork() -> subprocess.Popen[bytes]:
        # From the checkout's root, so that `python -m worker...` finds our modules wherever we were started.
        return subprocess.Popen(  # noqa: S603 - our own servers, no shell
            bound(command, group=group),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=_ROOT,
            env=environment,
        )

    return _forker.submit(fork).result()

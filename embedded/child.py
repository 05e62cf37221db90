"""Starts processes that cannot outlive this one, not even when this one is killed with SIGKILL."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded import bound_exec

_ROOT = Path(__file__).resolve().parents[1]

# Linux sends the death signal when the *thread* that forked ends, not the process. So every child is forked by one
# thread that lives as long as the process.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


def bind_command(command: Sequence[str], *, group: bool = False) -> list[str]:
    """Bind a command to the thread that starts it: its process gets SIGKILL when that ends.

    Elsewhere than on Linux it is a plain child process. A missing program shows as exit status 127.

    Args:
        command: The program and its arguments.
        group: Whether the program gets a process group, which is killed when the program ends.
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
    """Start `command` so that it gets SIGKILL when this process ends; see `bind_command`.

    Args:
        command: The program and its arguments.
        output: A file descriptor for its standard output, or `subprocess.PIPE`, or None for this process's.
        errors: The same for its standard error.
        environment: Its variables; None for those of this process.
        group: As for `bind_command`.

    Raises:
        OSError: The interpreter could not be started. A missing program shows as exit status 127.
    """

    def fork() -> subprocess.Popen[bytes]:
        # In the checkout's root, so that `python -m worker...` finds the modules.
        return subprocess.Popen(  # noqa: S603 - our own servers, no shell
            bind_command(command, group=group),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=_ROOT,
            env=environment,
            process_group=0,  # so that Ctrl-C reaches this process alone, which ends the others in their order
        )

    return _forker.submit(fork).result()

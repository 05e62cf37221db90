"""`bound_exec.py <parent's pid> [--group] <program> <arguments...>`: become a program that is killed with its parent.

It runs before each child process, without site-packages, so it imports as little as possible.
"""

import os
import sys

GROUP = "--group"
_PR_SET_PDEATHSIG = 1
_SIGKILL, _SIGTERM = 9, 15


def die_with(parent: int, signal: int = _SIGKILL) -> bool:
    """Let the kernel send this process a signal when its parent ends, also after SIGKILL.

    Only on Linux; elsewhere it has no effect.

    Returns:
        False if the parent has ended already, so that no signal will come.
    """
    if not sys.platform.startswith("linux"):
        return True
    import ctypes  # noqa: PLC0415 - takes as long as the rest of this program

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal)
    return os.getppid() == parent


def _kill_group_at_the_end() -> None:
    """Make a process group; a second process kills what is left in it when the program ends."""
    if not sys.platform.startswith("linux"):
        return
    import signal  # noqa: PLC0415 - most programs need no group

    program = os.getpid()
    os.setpgid(0, 0)
    if os.fork():
        return
    os.setpgid(0, 0)
    os.closerange(0, 256)  # so that a reader of the program's output sees its end
    signal.pthread_sigmask(signal.SIG_BLOCK, {_SIGTERM})
    if die_with(program, _SIGTERM):
        signal.sigwait({_SIGTERM})
    try:  # noqa: SIM105 - contextlib is another import
        os.killpg(program, _SIGKILL)
    except ProcessLookupError:  # no process is left
        pass
    os._exit(0)


def main(arguments: list[str]) -> None:
    """Bind this process, then replace it by the program."""
    parent, command = int(arguments[0]), arguments[1:]
    if not die_with(parent):
        sys.exit(0)
    if command[0] == GROUP:
        command = command[1:]
        _kill_group_at_the_end()
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted between us and the program
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])

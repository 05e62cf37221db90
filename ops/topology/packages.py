"""Installs Debian packages: those that the topology runs, and what `tests/programs.py` asks for."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

PROGRAMS = {"redis-server": "redis-server", "nginx": "nginx-light", "prometheus": "prometheus", "openssl": "openssl"}
"""Program of the topology -> Debian's package. Each of them is started by itself, never by Debian."""
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Debian keeps daemons here, and what dpkg runs; only root's own PATH has these folders, and `su` keeps the user's."""
_POLICY = Path("/usr/sbin/policy-rc.d")


class NotInstalled(Exception):
    """Packages are missing that could not be installed; the message says which, and what to do."""


def find_program(program: str) -> str | None:
    """Find the path of a program, or None."""
    return shutil.which(program) or shutil.which(program, path=SBIN)


def install_packages(packages: Iterable[str]) -> None:
    """Install packages of Debian without starting a service of theirs.

    Raises:
        NotInstalled: this is no Debian, not root, or apt-get failed.
    """
    wanted = sorted(set(packages))
    if not wanted:
        return
    if os.geteuid() or not shutil.which("apt-get"):
        raise NotInstalled(
            f"this machine lacks {' '.join(wanted)}: as root on Debian, apt-get install {' '.join(wanted)}"
        )
    with ExitStack() as stack:
        # Packages ask policy-rc.d before they start a service.
        if not _POLICY.exists():
            _POLICY.write_text("#!/bin/sh\nexit 101\n")
            _POLICY.chmod(0o755)
            stack.callback(_POLICY.unlink)
        if _apt(["update"]) or _apt(["install", "-y", "--no-install-recommends", *wanted]):
            raise NotInstalled(f"apt-get could not install {' '.join(wanted)}, see above")


def _apt(words: Sequence[str]) -> int:
    command = ["apt-get", "-q", "-o", "Acquire::Retries=3", *words]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), SBIN])
    given = {**os.environ, "PATH": path, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.call(command, env=given, stdin=subprocess.DEVNULL)  # noqa: S603 - the machine's own apt-get

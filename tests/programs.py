"""The programs that some tests run beside Python, and Debian's package for each: the one place that knows them.

`python -m tests.programs` installs what is missing, for `run.py test --all`. A test names what it runs with
`@pytest.mark.needs("nginx")`; `tests/needs.py` skips it where that is missing.
"""

import ctypes
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from ops.topology import packages
from ops.topology.packages import find_program

PACKAGES: dict[str, str | None] = {
    "chromium": "chromium",
    "curl": "curl",
    "git": "git",
    "libfaketime": "libfaketime",
    "libgomp": "libgomp1",
    "nginx": "nginx-light",
    "npm": "npm",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "redis-cli": "redis-tools",
    "redis-server 7": "redis-server",
    "systemd-analyze": "systemd",
    "Linux": None,
    "package index": None,
    "npm registry": None,
}
"""Program -> Debian's package; None for what no package brings. `redis-server 7` is that version or a newer one, and
`package index` and `npm registry` those that pip and npm are configured for."""

FIXTURES = {
    "secrets": ("openssl",),
    "locked_redis": ("redis-server 7",),
    "topology": ("nginx", "openssl", "redis-server 7"),
    "tls_sentinels": ("openssl", "redis-server 7"),
    "chromium": ("chromium",),
    "flower": ("curl",),
    "ask": ("prometheus",),
}
"""Fixture -> what it runs: a test that asks for it, also through another fixture, needs that."""

MARKS = {"model": ("libgomp",)}
"""Mark of a test -> what it needs: the runtime of the embedded language model is linked with libgomp."""


def libfaketime() -> Path | None:
    """The library that a program is started with to have a clock of its own, or None."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def is_there(need: str) -> bool:
    """Whether this machine has it."""
    look = _LOOKS.get(need)
    return look() if look else find_program(need) is not None


def missing(needs: Iterable[str]) -> list[str]:
    """Those that this machine lacks, in the order of the table."""
    asked = set(needs)
    return [need for need in PACKAGES if need in asked and not is_there(need)]


def main() -> int:
    """Install what is missing; the exit code is 1 where that cannot be done here."""
    try:
        packages.install_packages(package for need in missing(PACKAGES) if (package := PACKAGES[need]))
    except packages.NotInstalled as error:
        sys.stderr.write(f"test --all: {error}\n")
        return 1
    return 0


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _index_answers() -> bool:
    words = ["install", "-q", "--disable-pip-version-check", "--dry-run", "--no-deps", "--ignore-installed"]
    command = [sys.executable, "-m", "pip", *words, "--retries", "0", "--timeout", "10", "celery"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _npm_registry_answers() -> bool:
    npm = find_program("npm")
    if npm is None:
        return False
    command = [npm, "ping", "--fetch-retries=0", "--fetch-timeout=10000"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _redis_version() -> int:
    program = find_program("redis-server")
    if program is None:
        return 0
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)", said)
    return int(found[1]) if found else 0


_LOOKS: dict[str, Callable[[], bool]] = {
    "Linux": lambda: sys.platform == "linux",
    "libfaketime": lambda: libfaketime() is not None,
    "libgomp": lambda: sys.platform != "linux" or _loads("libgomp.so.1"),
    "package index": _index_answers,
    "npm registry": _npm_registry_answers,
    "redis-server 7": lambda: _redis_version() >= 7,
}


if __name__ == "__main__":
    sys.exit(main())

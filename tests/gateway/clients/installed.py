"""Installs clients from their registries, each set once into the user's cache; a week later anew."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.wheels import find_cache_directory
from tests import uv
from tests.commands import run

FRESH_SECONDS = 7 * 24 * 3600
_NPM = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]


def install_python(*requirements: str) -> Path:
    """Install packages: an interpreter that has them, and nothing of this checkout."""
    with _folder("python", requirements) as (folder, fresh):
        if not fresh:
            uv.environment(folder, *requirements)
        return folder / "venv" / "bin" / "python"


def install_node_modules(*packages: str) -> Path:
    """Install packages: a folder from which programs of Node.js import them, by its `node_modules`."""
    with _folder("node", packages) as (folder, fresh):
        if not fresh:
            done = run([*_NPM, folder, *packages], cwd=folder, timeout=240)
            assert done.returncode == 0, done.stdout + done.stderr
        return folder


@contextmanager
def _folder(language: str, packages: tuple[str, ...]) -> Iterator[tuple[Path, bool]]:
    """The folder of a set, and whether it is installed. Other processes wait for the end of the block."""
    name = "+".join(packages).replace("/", "~")
    folder = find_cache_directory() / "clients" / f"{language}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_SECONDS
        yield folder, fresh
        if not fresh:
            stamp.touch()
            os.utime(stamp)

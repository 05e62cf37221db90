"""Makes the venv of this checkout, installs `requirements/` into it, and makes it again after an interrupted set-up.

`.venv/setup.json` holds its state, so that a later run checks it in a few milliseconds.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checkout.pip import DownloadError, explain, find_pip, install, run_quietly
from checkout.progress import Progress, say

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = str(BIN / "python")
STATE = VENV / "setup.json"
# Resolved: a venv made through the link `python3` would change its version with the next upgrade of the distribution.
BASE_PYTHON = str(Path(sys.executable).resolve())


def environment() -> dict[str, str]:
    """The environment of every child: it can import this checkout, and run the venv's programs."""
    # The venv comes last in PATH, so that the machine's own programs are preferred.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(BIN)])
    # PIP_USER: `user = true` in a pip.conf would make pip refuse the venv.
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": str(VENV), "PIP_USER": "0"}


def set_up(layers: tuple[str, ...]) -> None:
    """Install the missing layers; takes a few milliseconds if there are none.

    Raises:
        SetupError: with the one line to show.
        OSError: the disk is full or the checkout cannot be written to.
    """
    if is_usable() and not _find_missing(layers):
        return
    with _lock_checkout() as lock_file:
        if not is_usable():
            _make_venv()
        missing = _find_missing(layers)  # asked again: another run may have done it while this one waited
        if missing:
            _install(missing, lock_file)


def _hash_lock_file(layer: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{layer}.txt").read_bytes()).hexdigest()


def _find_missing(layers: tuple[str, ...]) -> list[str]:
    """Find the layers whose current lock file is not installed."""
    done = _read_state()["layers"] if is_usable() else {}
    return [layer for layer in layers if done.get(layer) != _hash_lock_file(layer)]


def is_usable() -> bool:
    """Whether the venv is complete, for this Python and this path, and no installation was interrupted."""
    state = _read_state()
    return state["venv"] == identity() and not state["installing"] and os.access(PYTHON, os.X_OK)


def identity() -> str:
    """The Python, the machine and the path that a venv is made for."""
    # The programs in a venv contain its path, so a moved checkout needs a new venv.
    return f"Python {sys.version_info[0]}.{sys.version_info[1]} {os.uname().machine} {VENV}"


def _read_state() -> dict[str, Any]:
    nothing: dict[str, Any] = {"venv": None, "installing": [], "layers": {}}
    try:
        return {**nothing, **json.loads(STATE.read_text())}
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return nothing


def _write_state(**changes: object) -> None:
    """Replace the state on disk atomically, because readers hold no lock."""
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps({**_read_state(), **changes}, indent=1))
    fresh.replace(STATE)


@contextlib.contextmanager
def _lock_checkout() -> Iterator[int]:
    """Hold the checkout's lock; yields its descriptor. pip inherits it, and holds the lock if this process dies."""
    (ROOT / ".llamaq").mkdir(exist_ok=True)
    with (ROOT / ".llamaq" / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run.py is setting this checkout up; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _make_venv() -> None:
    with Progress(f"making .venv with Python {sys.version.split()[0]}") as progress:
        if VENV.is_dir() and not VENV.is_symlink():
            progress.remark("the old .venv goes: it was left half-made, or made elsewhere or for another Python")
            shutil.rmtree(VENV)
        VENV.unlink(missing_ok=True)
        made = run_quietly(BASE_PYTHON, "-Im", "venv", "--without-pip", str(VENV))
        if made.returncode:
            raise explain(made.stderr or made.stdout)
        # Debian splits ensurepip off. Without any pip the venv stays unfinished: python3-venv is then enough.
        if run_quietly(PYTHON, "-Im", "ensurepip").returncode:
            find_pip(PYTHON, BASE_PYTHON)
        _write_state(venv=identity(), installing=[], layers={})


def _install(layers: list[str], lock_file: int) -> None:
    files = [ROOT / "requirements" / f"{layer}.txt" for layer in layers]
    _write_state(installing=layers)
    try:
        with Progress(f"installing {' + '.join(layers)} packages") as progress:
            install(find_pip(PYTHON, BASE_PYTHON), files, progress, environment(), lock_file)
    except DownloadError:
        _write_state(installing=[])
        raise
    _write_state(
        installing=[], layers={**_read_state()["layers"], **{layer: _hash_lock_file(layer) for layer in layers}}
    )

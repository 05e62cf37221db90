"""The file of keys (`LLAMAQ_GATEWAY_KEYS_FILE`): a line for each key, which holds its SHA-256 and never the key."""

import hmac
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.access.caller import Caller
from llamaq.settings.lists import parse_list
from llamaq.vocabulary.kinds.request import LANES

LOG = logging.getLogger(__name__)
HEAD = "# name  SHA-256 of the key  tenant  highest lane  most waiting  requests a minute  models  admin\n"
NONE = "-"
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COLUMNS = 8


class WrongKeysFile(Exception):
    """The file cannot be read, or a line of it is wrong. The message names the line, and quotes none of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: the digest of a key, and its holder."""

    digest: str
    caller: Caller


def hash_key(key: str) -> str:
    """Hash a key: its SHA-256, in hexadecimal digits. A key is random and long, so it needs no salt."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def parse_entries(text: str) -> tuple[Entry, ...]:
    """Parse the entries of a file. Blank lines and those that begin with `#` are none.

    Raises:
        WrongKeysFile: with the number of the wrong line.
    """
    entries: list[Entry] = []
    taken: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            entry = _parse_entry(line.split(), taken)
        except ValueError as error:
            raise WrongKeysFile(f"line {number}: {error}") from None
        taken |= {entry.caller.name, entry.digest}
        entries.append(entry)
    return tuple(entries)


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Read the entries of the file.

    Raises:
        WrongKeysFile: it cannot be read, or a line of it is wrong.
    """
    try:
        return parse_entries(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None


def render_line(entry: Entry) -> str:
    """Render the line of an entry."""
    caller = entry.caller
    columns = (
        caller.name,
        entry.digest,
        caller.tenant,
        caller.highest_lane,
        NONE if caller.most_waiting is None else str(caller.most_waiting),
        NONE if caller.requests_a_minute is None else str(caller.requests_a_minute),
        ",".join(caller.models) or NONE,
        "admin" if caller.admin else NONE,
    )
    return "  ".join(columns) + "\n"


def _parse_entry(given: Sequence[str], taken: set[str]) -> Entry:
    if not 2 <= len(given) <= _COLUMNS:
        raise ValueError(f"has {len(given)} columns, not 2 to {_COLUMNS}")
    columns = [*given, *[NONE] * (_COLUMNS - len(given))]
    name, digested, tenant, lane, waiting, rate, models, admin = columns
    if not _NAME.fullmatch(name):
        raise ValueError("the name must be 1 to 128 letters, digits or . _ @ -")
    if name in taken:
        raise ValueError("a second key has this name")
    if not _DIGEST.fullmatch(digested.lower()):
        raise ValueError("the second column must be the SHA-256 of the key: 64 hexadecimal digits")
    if digested.lower() in taken:
        raise ValueError("a second line has this SHA-256: a key has one name")
    tenant = name if tenant == NONE else tenant
    if not _NAME.fullmatch(tenant):
        raise ValueError("the tenant must be 1 to 128 letters, digits or . _ @ -")
    if lane not in (*LANES, NONE):
        raise ValueError(f"the highest lane must be {', '.join(LANES)} or -")
    if admin not in ("admin", NONE):
        raise ValueError("the last column must be `admin` or -")
    caller = Caller(
        name=name,
        tenant=tenant,
        highest_lane=next((one for one in LANES if one == lane), LANES[0]),
        most_waiting=_parse_count(waiting, "most waiting"),
        requests_a_minute=_parse_count(rate, "requests a minute"),
        models=() if models == NONE else tuple(parse_list(models)),
        admin=admin == "admin",
    )
    return Entry(digested.lower(), caller)


def _parse_count(text: str, what: str) -> int | None:
    if text == NONE:
        return None
    if not (text.isascii() and text.isdecimal() and int(text[:10]) >= 1 and len(text) <= 9):
        raise ValueError(f"{what} must be a whole number from 1 to 999,999,999, or -")
    return int(text)


class KeysFile:
    """The keys, read again when the file changes. A change that is wrong is logged, and the keys stay as they were."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            WrongKeysFile: it cannot be read, or a line of it is wrong.
        """
        self._path = path
        self._seen = self._read_stat()
        self._entries = read_entries(self._path)

    @classmethod
    def of(cls, path: str) -> "KeysFile | None":
        """The keys of a path; None where it is empty.

        Raises:
            WrongKeysFile: as above.
        """
        return cls(Path(path)) if path else None

    def find_holder(self, key: str) -> Caller | None:
        """Find the holder of a key; None for an unknown key. It takes the same time for every key."""
        return self.find_holder_by_hash(hash_key(key))

    def find_holder_by_hash(self, digest: str) -> Caller | None:
        """Find the holder of the key with this digest; None where there is no such key, or no longer."""
        self._refresh()
        found = None
        for entry in self._entries:
            if hmac.compare_digest(entry.digest, digest):
                found = entry.caller
        return found

    def _refresh(self) -> None:
        try:
            now = self._read_stat()
            if now == self._seen:
                return
            self._seen = now
            self._entries = read_entries(self._path)
        except WrongKeysFile as error:
            if self._seen is not None:
                LOG.error("%s was changed, and is wrong; the keys stay as they were: %s", self._path, error)  # noqa: TRY400 - its text says it
            self._seen = None
        else:
            LOG.info("%s was changed: %d keys", self._path, len(self._entries))

    def _read_stat(self) -> tuple[int, int, int] | None:
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - at each request, and half as dear as Path.stat
        except OSError as error:
            raise _unreadable(error) from None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _unreadable(error: OSError | UnicodeDecodeError) -> WrongKeysFile:
    if isinstance(error, FileNotFoundError):
        return WrongKeysFile("it is not there; the first `gateway key add NAME` makes it")
    return WrongKeysFile(f"cannot read it: {getattr(error, 'strerror', None) or error}")

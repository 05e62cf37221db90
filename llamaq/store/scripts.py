"""The Lua scripts: one file for each verb, put together from the fragments that its `-- include:` line names.

A fragment may name others that it stands on; each comes once, where it is first named.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LUA = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 that Redis knows it by."""

    name: str
    text: str
    sha: str


@cache
def load(name: str, folder: Path = LUA) -> Script:
    """The script of a verb, with its fragments.

    Raises:
        KeyError: there is no such file.
    """
    text = _with_fragments(files(folder)[name].read_text("utf-8"), files(folder), set())
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def files(folder: Path = LUA) -> dict[str, Path]:
    """Every Lua file, verbs and fragments, by its name without the ending."""
    return {path.stem: path for path in sorted(folder.rglob("*.lua"))}


def verbs(*, of: str) -> list[Script]:
    """The scripts that a `producer` or a `worker` runs."""
    return [load(path.stem) for path in sorted((LUA / of).glob("*.lua"))]


def _with_fragments(text: str, files: dict[str, Path], known: set[str]) -> str:
    return _INCLUDE.sub(lambda match: _fragments(match[1].split(), files, known), text)


def _fragments(names: list[str], files: dict[str, Path], known: set[str]) -> str:
    texts = []
    for name in names:
        if name in known:
            continue
        known.add(name)
        texts.append(_with_fragments(files[name].read_text("utf-8"), files, known))
    return "\n".join(texts)

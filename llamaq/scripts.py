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
    """The script `<folder>/<name>.lua`; its fragments come from the same folder, else from llamaq's own."""
    text = _with_fragments((folder / f"{name}.lua").read_text("utf-8"), folder, set())
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _with_fragments(text: str, folder: Path, known: set[str]) -> str:
    return _INCLUDE.sub(lambda match: _fragments(match[1].split(), folder, known), text)


def _fragments(names: list[str], folder: Path, known: set[str]) -> str:
    texts = []
    for name in names:
        if name in known:
            continue
        known.add(name)
        own, shared = folder / f"{name}.lua", LUA / f"{name}.lua"
        texts.append(_with_fragments((own if own.exists() else shared).read_text("utf-8"), folder, known))
    return "\n".join(texts)

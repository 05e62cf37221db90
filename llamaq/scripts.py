"""The Lua scripts: one file for each verb, put together from the fragments that its `-- include:` line names."""

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
    text = _INCLUDE.sub(lambda match: _fragments(match[1].split(), folder), (folder / f"{name}.lua").read_text("utf-8"))
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _fragments(names: list[str], folder: Path) -> str:
    paths = ((folder / f"{name}.lua", LUA / f"{name}.lua") for name in names)
    return "\n".join((own if own.exists() else shared).read_text("utf-8") for own, shared in paths)

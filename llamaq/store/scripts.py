"""The Lua scripts: one file for each verb, and the fragments that its `-- include:` line names.

A fragment may include others; each is inserted once, where it is first named. Behind those of the script's head comes
generated text: the table `given` of the arguments by name (`given_of(nth)` in a script for several calls), and in a
script that assigns jobs the comparison of versions. An `-- include:` line within a function brings what that function
alone needs, and costs nothing where it is not called.

A script makes its functions anew at each call. To find a local that a function uses, Lua searches all those in use by
others, from the last one back, but not those of an enclosing function. So the other fragments are within a function,
and use the locals of the first ones, `BASE`, as those of an enclosing one: that saves a quarter of the time.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llamaq.store.arguments import Arguments

STORE_VERSION = 2
"""Raise it with each release that changes keys or assignment: among workers, the scripts of the highest are run."""
LUA = Path(__file__).parent / "lua"
ASSIGNING = "assignment"
"""The fragment that assigns jobs to slots. A script that includes it compares its version with the fleet's."""
OTHER_STORE = "OTHER_STORE"
GROUPED = "more"
"""The argument by which a script does several calls in one: how many follow, each with all its arguments."""
BASE = ("keys", "events")
"""The fragments whose locals nearly every function uses."""
_INCLUDE = re.compile(r"^ *-- include:(.*)$", re.MULTILINE)
_HEAD = "-- the generated text"
_COMPARISON = """
if (redis.call('HGET', P .. '.store', 'digest') or '{digest}') ~= '{digest}' then return {{'{other}'}} end"""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script.

    Attributes:
        sha: the SHA-1 that Redis knows it by.
        names: of its arguments, in their order.
        assigns: whether it may assign jobs to slots.
    """

    name: str
    text: str
    sha: str
    names: tuple[str, ...] = ()
    assigns: bool = False


_loaded: dict[object, Script] = {}


def load(arguments: type[Arguments]) -> Script:
    """Load the script that takes these arguments."""
    found = _loaded.get(arguments)
    return found or _loaded.setdefault(arguments, assemble(arguments.verb, arguments.names()))


@cache
def assemble(verb: str, names: Sequence[str] = (), folder: Path = LUA) -> Script:
    """Assemble the script of a file `<verb>.lua` and its fragments.

    Raises:
        KeyError: there is no such file.
    """
    known: set[str] = set()
    paths = files(folder)
    text = paths[verb].read_text("utf-8")
    if head := _INCLUDE.search(text):
        wanted = head[1].split()
        lines = _read_fragments([name for name in wanted if name in BASE], paths, known)
        others = _read_fragments(wanted, paths, known)
        wraps = bool(lines and others)
        lines += [*(["return (function()"] if wraps else []), *others, _HEAD]
        rest = _INCLUDE.sub(
            lambda match: "\n".join(_read_fragments(match[1].split(), paths, known)), text[head.end() :]
        )
        text = text[: head.start()] + "\n".join(lines) + rest + ("end)()\n" if wraps else "")
    text = text.replace(_HEAD, "\n".join(_generate(names, folder, compares=ASSIGNING in known)))
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(verb, text, sha, tuple(names), ASSIGNING in known)


@cache
def files(folder: Path = LUA) -> dict[str, Path]:
    """The Lua files of verbs and fragments, by name without the suffix."""
    return {path.stem: path for path in sorted(folder.rglob("*.lua"))}


@cache
def digest(folder: Path = LUA) -> str:
    """A hash of all scripts, which identifies their version."""
    texts = b"\0".join(path.read_bytes() for path in files(folder).values())
    return hashlib.sha1(texts, usedforsecurity=False).hexdigest()


def _generate(names: Sequence[str], folder: Path, *, compares: bool) -> list[str]:
    comparison = _COMPARISON.strip().format(digest=digest(folder), other=OTHER_STORE)
    return [*([_generate_arguments(names)] if names else []), *([comparison] if compares else [])]


def _generate_arguments(names: Sequence[str]) -> str:
    if GROUPED not in names:
        return f"local given = {{{', '.join(f'{name} = ARGV[{index}]' for index, name in enumerate(names, start=2))}}}"
    fields = ", ".join(f"{name} = ARGV[at + {index}]" for index, name in enumerate(names, start=2))
    return f"local function given_of(nth) local at = nth * {len(names)} return {{{fields}}} end"


def _read_fragments(names: Sequence[str], paths: dict[str, Path], known: set[str]) -> list[str]:
    texts: list[str] = []
    for name in names:
        if name in known:
            continue
        known.add(name)
        text = paths[name].read_text("utf-8")
        texts.append(_INCLUDE.sub(lambda match: "\n".join(_read_fragments(match[1].split(), paths, known)), text))
    return texts

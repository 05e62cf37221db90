"""Checks that Ollama's engine (llama.cpp) can make a grammar of a schema.

The engine supports a part of JSON Schema and of regular expressions, which differs between versions. Some version
answers 400 to what is refused here, or misreads it. `docs/extraction.md` lists it with the remedies.
"""

import re
from collections.abc import Iterator
from typing import Any

from llamaq.vocabulary.errors import Problem
from llamaq.vocabulary.wire import JsonObject

MOST_REPEATED = 1999
"""The engine refuses a grammar that repeats a part more often."""

Path = tuple[str, ...]
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = ("items", "additionalProperties")
_MAY_BE_BOOLEAN = ("additionalProperties",)

# Escapes that have the same meaning for the engine and for a validator, outside and inside of a character class.
_ESCAPED = frozenset('^$.[]()|{}*+?\\nrt"')
_ESCAPED_IN_CLASS = frozenset('\\nrt"[]')
_INSTEAD = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[A-Za-z0-9_]",
    "W": "[^A-Za-z0-9_]",
    "s": "[ \\t\\n]",
    "S": "[^ \\t\\n]",
}
_COUNTED = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_POINTER = re.compile(r"#(/[^/~%]+)+")


def problems(schema: JsonObject, field: str) -> list[Problem]:
    """The parts that the engine cannot take, each with its path below `field` and the remedy."""
    return [Problem(".".join((field, *path)), message) for path, message in _objections(schema, ())]


def countable(schema: JsonObject) -> JsonObject:
    """The schema for the engine, without counts that are too high for a grammar. The answer is validated by them."""
    counted = {name: part for name, part in schema.items() if not (name in _COUNTS and _is_beyond(part))}
    for name in _MAPS:
        if isinstance(parts := schema.get(name), dict):
            counted[name] = {key: _countable_part(part) for key, part in parts.items()}
    for name in (*_LISTS, *_ONES):
        match schema.get(name):
            case dict(part):
                counted[name] = countable(part)
            case list(parts):
                counted[name] = [_countable_part(part) for part in parts]
    return counted


def _countable_part(part: Any) -> Any:
    return countable(part) if isinstance(part, dict) else part


def _is_beyond(count: Any) -> bool:
    return isinstance(count, int | float) and count > MOST_REPEATED


def _objections(part: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(part, bool):
        yield path, "the engine takes no true or false for a schema: write {} for anything, or leave it out"
        return
    if not isinstance(part, dict):
        return
    if isinstance(pattern := part.get("pattern"), str):
        yield from (((*path, "pattern"), message) for message in _of_pattern(pattern))
    if isinstance(reference := part.get("$ref"), str) and not _POINTER.fullmatch(reference):
        yield (*path, "$ref"), "the engine follows only #/$defs/Name, with no ~ and no % in the name"
    for where, below in _parts(part):
        yield from _objections(below, (*path, *where))


def _parts(schema: JsonObject) -> Iterator[tuple[Path, Any]]:
    """The parts that the engine reads as schemas. Others, such as an `enum`, are data."""
    for name in _MAPS:
        if isinstance(parts := schema.get(name), dict):
            yield from (((name, key), part) for key, part in parts.items())
    for name in (*_LISTS, *_ONES):
        below = schema.get(name)
        if isinstance(below, list):
            yield from (((name, str(index)), part) for index, part in enumerate(below))
        elif below is not None and not (name in _MAY_BE_BOOLEAN and isinstance(below, bool)):
            yield (name,), below


def _of_pattern(pattern: str) -> Iterator[str]:
    inner = pattern[1:-1]
    if not (len(pattern) > 1 and pattern[0] == "^" and pattern[-1] == "$" and not _ends_escaped(inner)):
        yield "a pattern must begin with ^ and end with $, or the engine refuses it: ^.*abc.*$ for abc somewhere"
        return
    objection = _of_pattern_inside(inner)
    if objection:
        yield objection


def _ends_escaped(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _of_pattern_inside(inner: str) -> str | None:
    """The first construct of a pattern that the engine does not support."""
    at = 0
    while at < len(inner):
        char = inner[at]
        if char == "[":
            end, objection = _class(inner, at)
            if objection:
                return objection
            at = end
        elif char == "\\":
            if inner[at + 1] not in _ESCAPED:
                return _no_escape(inner[at + 1])
            at += 2
        else:
            if objection := _of_char(inner, at):
                return objection
            at += 1
    return None


def _of_char(inner: str, at: int) -> str | None:
    if inner.startswith("(?", at):
        return "the engine knows no (?...): no look-around, no named groups, no flags; write a plain group (...)"
    if inner[at] in "^$":
        return f"the engine takes {inner[at]} inside a pattern for the character: write \\{inner[at]} where it is meant"
    counted = _COUNTED.match(inner, at) if inner[at] == "{" else None
    if counted and any(int(count) > MOST_REPEATED for count in counted.groups() if count):
        return f"the engine repeats a part at most {MOST_REPEATED} times"
    return None


def _class(inner: str, at: int) -> tuple[int, str | None]:
    """The end of the character class that begins at `at`, or why the engine cannot take it."""
    at += 2 if inner.startswith("[^", at) else 1
    if inner.startswith("]", at):
        return at, "the engine ends [] at its first ]: write \\] for the character"
    while at < len(inner) and inner[at] != "]":
        if inner[at] == "\\":
            if inner[at + 1] not in _ESCAPED_IN_CLASS:
                return at, _no_escape(inner[at + 1])
            at += 1
        elif inner[at] == "[":
            return at, "the engine knows no class inside a class: write \\[ for the character"
        at += 1
    return at + 1, None


def _no_escape(char: str) -> str:
    instead = _INSTEAD.get(char, f"{char} itself" if not char.isalnum() else "the characters that are meant")
    return f"the engine knows no \\{char}: write {instead}"

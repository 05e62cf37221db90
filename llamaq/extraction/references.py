"""The `$ref`s of a schema: what they point to, and which parts of a schema are schemas."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from llamaq.vocabulary.wire import JsonObject

Path = tuple[str, ...]
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
ONES = (
    *("items", "additionalProperties", "additionalItems", "contains", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
"""The keywords whose values are schemas by name, in a list, or one alone."""
_DRAFTS = {"draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019}


def parts_of(schema: JsonObject) -> Iterator[tuple[Path, Any]]:
    """The parts of a schema that are schemas, with their paths below it. Others, such as an `enum`, are data."""
    for name in MAPS:
        if isinstance(parts := schema.get(name), dict):
            yield from (((name, key), part) for key, part in parts.items())
    for name in (*LISTS, *ONES):
        below = schema.get(name)
        if isinstance(below, list):
            yield from (((name, str(index)), part) for index, part in enumerate(below))
        elif below is not None:
            yield (name,), below


def all_parts(schema: Any, path: Path = ()) -> Iterator[tuple[Path, JsonObject]]:
    """A schema and all schemas in it, with their paths."""
    if isinstance(schema, dict):
        yield path, schema
        for where, part in parts_of(schema):
            yield from all_parts(part, (*path, *where))


def draft_of(root: Any) -> int:
    """The draft of a schema: 4, 6, 7, 2019 or 2020. Where it names none, what it is written in decides, or 2020."""
    named = root.get("$schema") if isinstance(root, dict) else None
    if isinstance(named, str):
        return next((draft for word, draft in _DRAFTS.items() if word in named), 2020)
    found = 2020
    for _, part in all_parts(root):
        if any(isinstance(part.get(name), bool) for name in ("exclusiveMinimum", "exclusiveMaximum")):
            return 4
        if isinstance(part.get("items"), list):
            found = 7
    return found


class References:
    """The local `$ref`s of a schema: `#`, `#/a/pointer`, `#anchor`, and these behind the schema's own `$id`."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._base = str(root.get("$id", "")).partition("#")[0]
        anchors: dict[str, list[Any]] = {}
        for _, part in all_parts(root):
            for name in _anchors(part):
                anchors.setdefault(name, []).append(part)
        self._anchored = {name: parts[0] for name, parts in anchors.items() if len(parts) == 1}

    def resolve(self, reference: str) -> Any:
        """Resolve a `$ref`; None where its target is not in the schema, or is not one part of it alone."""
        base, _, fragment = reference.partition("#")
        if base and base != self._base:
            return None
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            return self._anchored.get(fragment)
        found: Any = self._root
        for step in fragment.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
            else:
                found = found.get(name) if isinstance(found, dict) else None
        return found


def _anchors(part: JsonObject) -> Iterator[str]:
    if isinstance(anchor := part.get("$anchor"), str):
        yield anchor
    for name in ("$id", "id"):  # until draft 7
        if isinstance(own := part.get(name), str) and own.startswith("#"):
            yield own[1:]


def find_problems(root: JsonObject) -> Iterator[tuple[Path, str]]:
    """Find the references that are not followed, with the remedy."""
    referring, references = False, References(root)
    for path, part in all_parts(root):
        for name in ("$dynamicRef", "$recursiveRef"):
            if name in part:
                yield (*path, name), "it is not followed: write a $ref to #/$defs/Name"
        if isinstance(reference := part.get("$ref"), str):
            referring = True
            if references.resolve(reference) is None:
                yield (
                    (*path, "$ref"),
                    f"{reference} is not in this schema: put it into $defs, and write #/$defs/Name",
                )
    if referring:
        for path, part in all_parts(root):
            if path and isinstance(own := part.get("$id"), str) and not own.startswith("#"):
                yield (*path, "$id"), "leave it out: it changes what each $ref below it points to"

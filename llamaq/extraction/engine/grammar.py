"""Makes the schema that is sent to Ollama of the schema that a producer gives.

Ollama's engine (llama.cpp) makes a grammar of a part of JSON Schema, which differs between versions: some refuse what
they do not know, others misread it. What is sent has only what every version reads as it is meant. Where that cannot
say a rule, it leaves the rule out: each value that is valid is valid for what is sent too, apart from the texts that
`llamaq.extraction.engine.pattern` names. Of `prefixItems` the engine makes a list of exactly these places, so longer or
shorter lists are not written. The answer is checked against the whole schema.
"""

import re
from typing import Any

from llamaq.extraction.engine.keywords import add_bounds, add_string, annotations, build_values, parse_count
from llamaq.extraction.engine.merging import (
    MOST_BRANCHES,
    Node,
    any_value,
    drop_impossible,
    is_any,
    merge_nodes,
    set_types,
    types_of,
)
from llamaq.extraction.engine.pattern import MOST_REPEATED
from llamaq.extraction.references import References, draft_of
from llamaq.vocabulary.wire import JsonObject, dumps

DEEPEST = 100
"""Parts in parts, with the targets of their `$ref`s. Deeper ones take every value."""
MOST_CHARS = 262_144
"""Of what is sent. Alternatives that repeat a large object may multiply it; then every value is taken."""
MOST_MERGES = 1_000
"""Merges of two parts of one schema. Beyond that, parts are left out."""
_STRUCTURE = frozenset(("type", "properties", "additionalProperties", "items", "prefixItems", "pattern"))
"""From these the engine sees what is meant where there is no type."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9_ .:/@$]+")
"""Names of properties that the engine can exclude from the keys of `additionalProperties`."""


def translate_schema(schema: JsonObject) -> JsonObject | None:
    """Translate the schema for the engine; None where no value can be valid. The schema itself stays as it is."""
    return _Translation(schema).translate()


class _Translation:
    """Translates one schema. A part is None where no value can be valid for it."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._references = References(root)
        self._names: dict[str, str] = {}
        self._defined: dict[str, Node | None] = {}
        self._merges = MOST_MERGES
        self._depth = 0
        self._draft = draft_of(root)

    def translate(self) -> JsonObject | None:
        """Translate the schema; where it would be too large, its type alone; None where nothing is left of it."""
        found = self._translate_root()
        return {"type": found.get("type", any_value()["type"])} if found and len(dumps(found)) > MOST_CHARS else found

    def _translate_root(self) -> JsonObject | None:
        sent = self._translate_part(self._root)
        if sent is None:
            return None
        # Below a `$ref` at the root, the engine resolves no other.
        sent = dict(self._resolve(sent) or any_value())
        defined = {name: part if part is not None else any_value() for name, part in self._defined.items()}
        _cut_circles(defined)
        if "$ref" in sent:
            sent = any_value()
        used = _find_used(sent, defined)
        return {**sent, "$defs": {name: defined[name] for name in defined if name in used}} if used else sent

    def _translate_part(self, part: Any) -> Node | None:
        if not isinstance(part, dict):
            return None if part is False else any_value()
        if self._depth == DEEPEST:
            return any_value()
        self._depth += 1
        try:
            return self._translate_object(part)
        finally:
            self._depth -= 1

    def _translate_object(self, part: JsonObject) -> Node | None:
        if isinstance(reference := part.get("$ref"), str):
            return self._translate_reference(reference)
        node = self._translate_keywords(part)
        for inner in _list_at(part, "allOf"):
            node = self._merge(node, self._translate_part(inner))
        for name in ("anyOf", "oneOf"):
            if branches := _list_at(part, name):
                node = self._merge(node, self._unite([self._translate_part(inner) for inner in branches]))
        return node

    def _translate_reference(self, reference: str) -> Node | None:
        if reference not in self._names:
            found = self._references.resolve(reference)
            if not isinstance(found, dict):
                return None if found is False else any_value()
            name = re.sub("[^A-Za-z0-9]", "", reference.rpartition("/")[2]) or "Root"
            while name in self._defined:
                name += "x"
            self._names[reference] = name
            self._defined[name] = any_value()  # for a merge with a part that is not translated yet
            self._defined[name] = self._translate_part(found)
        name = self._names[reference]
        return None if self._defined[name] is None else {"$ref": f"#/$defs/{name}"}

    def _resolve(self, node: Node | None) -> Node | None:
        for _ in range(len(self._defined) + 1):
            if node is None or "$ref" not in node:
                return node
            node = self._defined[node["$ref"].rpartition("/")[2]]
        return any_value()

    def _merge(self, one: Node | None, other: Node | None) -> Node | None:
        if one is None or other is None:
            return None
        if is_any(one) or one == other:
            return {**annotations(one), **other} if "$ref" not in other else other
        if is_any(other):
            return one
        if self._merges == 0 or self._depth >= DEEPEST:
            return one
        self._merges -= 1
        self._depth += 1
        try:
            return merge_nodes(one, other, self._merge, self._resolve)
        finally:
            self._depth -= 1

    def _unite(self, branches: list[Node | None]) -> Node | None:
        distinct = list({dumps(branch): branch for branch in branches if branch is not None}.values())
        if not distinct:
            return None
        if any(map(is_any, distinct)):
            return any_value()
        return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}

    def _translate_keywords(self, part: JsonObject) -> Node | None:
        """Translate what a part says without its references and combinations."""
        types = types_of(part)
        values = [part["const"]] if "const" in part and self._draft > 4 else part.get("enum")
        if isinstance(values, list):
            return build_values(part, values, types)
        node: Node = annotations(part)
        if "type" in part:
            set_types(node, types)
        if "string" in types:
            add_string(node, part)
        if types & {"integer", "number"}:
            add_bounds(node, part, whole="number" not in types)
        if "object" in types and not self._add_object(node, part):
            types -= {"object"}
        if "array" in types and not self._add_array(node, part):
            types -= {"array"}
        if types != types_of(part) or not _STRUCTURE & node.keys():
            set_types(node, types)
        return drop_impossible(node, types)

    def _add_object(self, node: Node, part: JsonObject) -> bool:
        properties = {name: self._translate_part(below) for name, below in _map_at(part, "properties").items()}
        required = [name for name in _list_at(part, "required") if isinstance(name, str)]
        more = self._translate_additional(part)
        for name in required:
            if name not in properties and more is not False:
                properties[name] = any_value() if more in (True, None) else more  # type: ignore[assignment]  # a node
        if any(properties.get(name) is None for name in required):
            return False
        if "$ref" in properties:
            return True  # the engine reads it as a reference, wherever it stands
        kept = {name: below for name, below in properties.items() if below is not None}
        if "properties" in part or kept:
            node["properties"] = kept
        if more is True and "properties" not in node:
            more = None
        if more is False or (more is not None and all(map(_SAFE_NAME.fullmatch, kept))):
            node["additionalProperties"] = more
        if required:
            node["required"] = required
        return True

    def _translate_additional(self, part: JsonObject) -> Node | bool | None:
        """Translate what other members than the named ones may be; None where the schema does not say."""
        given = part.get("additionalProperties")
        by_pattern = _map_at(part, "patternProperties")
        if given is None and not by_pattern:
            return None
        patterns = [self._translate_part(below) for below in by_pattern.values()]
        others = self._unite([*patterns, self._translate_part({} if given is None else given)])
        return False if others is None else True if is_any(others) else others

    def _add_array(self, node: Node, part: JsonObject) -> bool:
        least, most = parse_count(part.get("minItems")) or 0, parse_count(part.get("maxItems"))
        first, rest = _list_at(part, "prefixItems") if self._draft >= 2020 else [], part.get("items")
        if isinstance(rest, list):  # until draft 2019-09
            first, rest = rest, part.get("additionalItems")
        places = [self._translate_part(below) for below in first]
        others = any_value() if rest is None else self._translate_part(rest)
        # The places before the first for which nothing is valid, or that `maxItems` forbids.
        usable = next((at for at, place in enumerate(places) if place is None), len(places))
        ends = usable if usable < len(places) or others is None else None
        most = min((each for each in (most, ends) if each is not None), default=None)
        if most is not None and most < least:
            return False
        if most == 0:
            node.update({"items": any_value(), "maxItems": 0})
            return True
        if places:
            padding = min(max(least - usable, 0), MOST_BRANCHES)
            kept = [*places[:usable], *([others] * padding if others is not None else [])][:most]
            node["prefixItems"] = [place for place in kept if place is not None]
        elif others is not None and (rest is not None or least or most is not None):
            node["items"] = others
        if 0 < least <= MOST_REPEATED:
            node["minItems"] = least
        if most is not None and most <= MOST_REPEATED:
            node["maxItems"] = most
        return True


def _list_at(part: JsonObject, name: str) -> list[Any]:
    """A list in the schema; empty where the value is no list, which happens where a `$ref` points to data."""
    value = part.get(name)
    return value if isinstance(value, list) else []


def _map_at(part: JsonObject, name: str) -> dict[str, Any]:
    value = part.get(name)
    return value if isinstance(value, dict) else {}


def _cut_circles(defined: dict[str, Node]) -> None:
    """Let no definition be a choice that leads back to itself: the engine refuses a rule that begins with itself."""
    done: set[str] = set()

    def cut(node: Node, above: tuple[str, ...]) -> Node:
        if "anyOf" in node:
            return {**node, "anyOf": [cut(branch, above) for branch in node["anyOf"]]}
        if "$ref" not in node:
            return node
        name = node["$ref"].rpartition("/")[2]
        if name in above:
            return any_value()
        visit(name, above)
        return node

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name not in done:
            defined[name] = cut(defined[name], (*above, name))
            done.add(name)

    for name in list(defined):
        visit(name, ())


def _find_used(sent: Node, defined: dict[str, Node]) -> set[str]:
    """Find the definitions that are referred to."""
    found: set[str] = set()
    waiting: list[Any] = [sent]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in defined and name not in found:
                found.add(name)
                waiting.append(defined[name])
    return found

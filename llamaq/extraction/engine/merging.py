"""Merges two parts of a schema, each as it is sent to Ollama, into one that takes what both take, or more."""

from collections.abc import Callable
from typing import Any

Node = dict[str, Any]
Types = frozenset[str]
Merge = Callable[[Node | None, Node | None], Node | None]

MOST_BRANCHES = 100
"""Alternatives of one part. With more of them, all values are taken."""
_ALL_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_ANY_TYPES = ["object", "array", "string", "number", "boolean", "null"]
_NOTES = frozenset(("title", "description"))
_VALUE_TYPES: tuple[tuple[Any, Types], ...] = (
    (type(None), frozenset(("null",))),
    (bool, frozenset(("boolean",))),  # before int, which it is in Python
    (int, frozenset(("integer", "number"))),
    (float, frozenset(("number",))),
    (str, frozenset(("string",))),
    ((list, tuple), frozenset(("array",))),
)
_HIGHER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_LOWER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_BOUNDS = (
    (frozenset(("string",)), "minLength", "maxLength"),
    (frozenset(("array",)), "minItems", "maxItems"),
    (frozenset(("integer", "number")), "minimum", "maximum"),
)


def any_value() -> Node:
    """The node that takes every value. Versions of the engine take `{}` for an object alone."""
    return {"type": list(_ANY_TYPES)}


def is_any(node: Node) -> bool:
    """Whether a node takes every value."""
    return node.keys() <= _NOTES | {"type"} and node.get("type", _ANY_TYPES) == _ANY_TYPES


def types_of(node: Node) -> Types:
    """The types that the values of a node may have. `number` comes with `integer`."""
    given = node.get("type")
    listed = given if isinstance(given, list) else [given]
    names = frozenset(name for name in _ALL_TYPES if name in listed) or frozenset(_ALL_TYPES)
    return names | {"integer"} if "number" in names else names


def set_types(node: Node, types: Types) -> None:
    """Set the `type` of a node."""
    names = [name for name in _ALL_TYPES if name in types and not (name == "integer" and "number" in types)]
    node["type"] = names[0] if len(names) == 1 else names


def drop_impossible(node: Node, types: Types) -> Node | None:
    """Drop the types whose bounds contradict each other; None where no type is left."""
    for of, least, most in _BOUNDS:
        if least in node and most in node and node[least] > node[most]:
            types -= of
            del node[least], node[most]
            if types:
                set_types(node, types)
    return node if types else None


def value_types(value: Any) -> Types:
    """The types that a value has."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return next((types for of, types in _VALUE_TYPES if isinstance(value, of)), frozenset(("object",)))


def merge_nodes(one: Node, other: Node, merge: Merge, inlined: Callable[[Node | None], Node | None]) -> Node | None:
    """Merge two nodes into what both take; None where they share nothing. `merge` does their parts."""
    for left, right in ((one, other), (other, one)):
        if "$ref" in left:
            return merge(inlined(left), right)
    for left, right in ((one, other), (other, one)):
        if "anyOf" in left:
            return _distribute(left["anyOf"], right, merge)
    for left, right in ((one, other), (other, one)):
        if "const" in left or "enum" in left:
            return _merge_values(left, right)
    types = types_of(one) & types_of(other)
    if not types:
        return None
    return _merge_keywords(one, other, types, merge)


def _distribute(branches: list[Node], node: Node, merge: Merge) -> Node | None:
    if len(branches) * len(node.get("anyOf", ["one"])) > MOST_BRANCHES:
        return node
    found: list[Node] = []
    for branch in branches:
        both = merge(branch, node)
        for each in [] if both is None else both.get("anyOf", [both]):
            if each not in found:
                found.append(each)
    if not found:
        return None
    return found[0] if len(found) == 1 else {"anyOf": found}


def _merge_values(node: Node, other: Node) -> Node | None:
    values = [node["const"]] if "const" in node else node["enum"]
    allowed = [other["const"]] if "const" in other else other.get("enum")
    kept = [value for value in values if value_types(value) & types_of(other)]
    if allowed is not None:
        kept = [value for value in kept if any(_is_equal(value, each) for each in allowed)]
    if not kept:
        return None
    rest = {name: part for name, part in node.items() if name not in {"const", "enum"}}
    return {**rest, "const": kept[0]} if len(kept) == 1 else {**rest, "enum": kept}


def _is_equal(one: Any, other: Any) -> bool:
    # 1 and 1.0 are the same number to JSON Schema, and true is none.
    return bool(one == other and value_types(one) & value_types(other))


def _merge_keywords(one: Node, other: Node, types: Types, merge: Merge) -> Node | None:
    node = {**other, **one}
    if "type" in node:
        set_types(node, types)
    for name in (*_HIGHER, *_LOWER):
        bounds = [each[name] for each in (one, other) if name in each]
        if bounds:
            node[name] = max(bounds) if name in _HIGHER else min(bounds)
    if "properties" in one or "properties" in other:
        properties = _merge_properties(one, other, merge)
        if any(properties[name] is None for name in node.get("required", ()) if name in properties):
            return None
        node["properties"] = {name: part for name, part in properties.items() if part is not None}
        node.pop("additionalProperties", None)  # that of one part would forbid the properties of the other
    if "required" in one or "required" in other:
        node["required"] = list(dict.fromkeys([*one.get("required", ()), *other.get("required", ())]))
        missing = [name for name in node["required"] if name not in node.get("properties", {})]
        if missing:
            node["properties"] = node.get("properties", {}) | {name: any_value() for name in missing}
            node.pop("additionalProperties", None)
    if "items" in one and "items" in other:
        items = merge(one["items"], other["items"])
        node["items"] = any_value() if items is None else items
    if "prefixItems" in node:
        node.pop("items", None)  # the engine would read it alone
    return drop_impossible(node, types)


def _merge_properties(one: Node, other: Node, merge: Merge) -> dict[str, Node | None]:
    left, right = one.get("properties", {}), other.get("properties", {})
    both = {name: merge(part, right[name]) if name in right else part for name, part in left.items()}
    return both | {name: part for name, part in right.items() if name not in left}

"""Random schemas, and values that may be valid for them."""

import copy
import json
from random import Random
from typing import Any

TEXTS = ("", "a", "ab", "abc", "2026-05-04", "x-1", "é", "a b", "12", "0")
NAMES = ("a", "b", "a-b", "é", "$ref", "type", "items", "")
PATTERNS = (
    *("^a", "b$", "^[a-z]*$", r"^\d+$", r"\w", "^(a|b)*$", "^(?=a)ab$", r"^\s*$", "", "^$|^a$", "(a*)*", "^a{0,2000}$"),
    *(r"^(a)\1$", r"^\p{L}$", "^[^b]$", "a|^b", "^(a{40}){60}$", "[", "(", r"\bx", "^a.c$", "^(?i)a$", "((a|)+b?)+"),
)
REFERENCES = ("#", "#/$defs/a", "#/$defs/b", "#/properties/a", "#/items", "#/anyOf/0", "#b", "#/x", "http://a.example")
ODD: tuple[Any, ...] = (None, True, False, 0, -1, 1.5, 10**30, "x", [], {}, [[]], {"$ref": "#"})
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def draw_schema(rng: Random) -> Any:
    """Draw a schema that is nearly always one, with definitions."""
    made = copy.deepcopy(_draw_part(rng, 4))
    if isinstance(made, dict) and rng.random() < 0.7:
        made["$defs"] = {name: _draw_part(rng, 3) for name in ("a", "b")}
    return _spoil(rng, made) if rng.random() < 0.15 else made


def mutate(rng: Random, given: Any) -> Any:
    """Replace some parts of a copy."""
    changed: Any = json.loads(json.dumps(given))  # no part may stand in two places
    for _ in range(rng.randint(1, 3)):
        places = [(holder, key) for holder in _list_holders(changed) for key in _list_keys(holder)]
        if places:
            holder, key = rng.choice(places)
            holder[key] = copy.deepcopy(_draw_part(rng, 2) if rng.random() < 0.7 else rng.choice(ODD))
    return changed


def draw_value(rng: Random, wanted: Any, root: Any, depth: int = 4) -> Any:
    """Draw a value that may be valid for a schema, and often is."""
    if not isinstance(wanted, dict) or depth == 0 or rng.random() < 0.05:
        return copy.deepcopy(rng.choice((*ODD[:8], *TEXTS, [], {}, {"a": 1}, [1])))
    for name in ("anyOf", "oneOf", "allOf"):
        if isinstance(wanted.get(name), list) and wanted[name] and rng.random() < 0.7:
            found = draw_value(rng, rng.choice(wanted[name]), root, depth - 1)
            own = draw_value(rng, {key: wanted[key] for key in wanted if key != name}, root, depth - 1)
            return {**own, **found} if isinstance(own, dict) and isinstance(found, dict) else found
    if isinstance(wanted.get("$ref"), str):
        return draw_value(rng, _resolve(root, wanted["$ref"]), root, depth - 1)
    if "const" in wanted:
        return wanted["const"]
    if isinstance(wanted.get("enum"), list) and wanted["enum"]:
        return rng.choice(wanted["enum"])
    meant = "object" if "properties" in wanted else "array" if "items" in wanted else rng.choice(TYPES)
    kind = wanted.get("type") or meant
    return _draw_of_kind(rng, rng.choice(kind) if isinstance(kind, list) else kind, wanted, root, depth)


def _draw_of_kind(rng: Random, kind: Any, wanted: dict[str, Any], root: Any, depth: int) -> Any:
    if kind == "object":
        known = _as(dict, wanted.get("properties"))
        names = [*known, *_as(list, wanted.get("required"))]
        more = {rng.choice(NAMES): draw_value(rng, wanted.get("additionalProperties"), root, depth - 1)}
        found = {str(name): draw_value(rng, known.get(name), root, depth - 1) for name in names if rng.random() < 0.9}
        return found | (more if rng.random() < 0.3 else {})
    if kind == "array":
        first = _as(list, wanted.get("prefixItems"))
        rest = [draw_value(rng, wanted.get("items"), root, depth - 1) for _ in range(rng.randint(0, 3))]
        return [draw_value(rng, place, root, depth - 1) for place in first] + rest
    if kind in {"number", "integer"}:
        return rng.choice((0, 1, 2, 3, -1, 10, 1.0, 2.5))
    return {"boolean": rng.random() < 0.5, "null": None}.get(kind, rng.choice(TEXTS))


def _as(kind: type[Any], value: Any) -> Any:
    return value if isinstance(value, kind) else kind()


def _draw_part(rng: Random, depth: int) -> Any:
    if depth == 0 or rng.random() < 0.05:
        return rng.choice(({}, True, False, {"type": rng.choice(TYPES)}, {"const": rng.choice(TEXTS)}))
    made: dict[str, Any] = {}
    if rng.random() < 0.7:
        made["type"] = rng.choice(TYPES) if rng.random() < 0.8 else rng.sample(TYPES, rng.randint(1, 3))
    for name in rng.sample(list(_KEYWORDS), rng.randint(0, 5)):
        made[name] = _KEYWORDS[name](rng, depth - 1)
    return made


def _list(rng: Random, depth: int) -> list[Any]:
    return [_draw_part(rng, depth) for _ in range(rng.randint(1, 3))]


def _map(rng: Random, depth: int) -> dict[str, Any]:
    return {rng.choice(NAMES): _draw_part(rng, depth) for _ in range(rng.randint(0, 3))}


def _count(rng: Random, _: int) -> Any:
    return rng.choice((0, 1, 2, 3, 2.0, 5000))


def _draw_number(rng: Random, _: int) -> Any:
    return rng.choice((0, 1, -1, 2.5, 10, 10**20))


_KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("properties", "patternProperties"), _map),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _list),
    **dict.fromkeys(("items", "additionalProperties", "not", "if", "then", "contains", "propertyNames"), _draw_part),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties"), _count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _draw_number),
    "multipleOf": lambda rng, _: rng.choice((1, 2, 0.5)),
    "pattern": lambda rng, _: rng.choice(PATTERNS),
    "format": lambda rng, _: rng.choice(("date", "uuid4", "email", "time", "what")),
    "enum": lambda rng, _: [rng.choice((*TEXTS, *ODD)) for _ in range(rng.randint(1, 4))],
    "const": lambda rng, _: rng.choice((*TEXTS, *ODD)),
    "required": lambda rng, _: rng.sample(NAMES, rng.randint(0, 2)),
    "$ref": lambda rng, _: rng.choice(REFERENCES),
    "$anchor": lambda rng, _: "b",
    "title": lambda rng, _: "a title",
    "default": lambda rng, _: rng.choice(ODD),
    "uniqueItems": lambda rng, _: True,
}


def _spoil(rng: Random, given: Any) -> Any:
    return mutate(rng, given) if isinstance(given, dict) else rng.choice(ODD)


def _list_holders(part: Any) -> list[Any]:
    below = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return (
        [part, *(holder for each in below for holder in _list_holders(each))] if isinstance(part, dict | list) else []
    )


def _list_keys(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def _resolve(root: Any, reference: str) -> Any:
    found = root
    for step in reference.split("/")[1:]:
        found = found.get(step) if isinstance(found, dict) else found[0] if isinstance(found, list) and found else None
    return found

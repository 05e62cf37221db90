"""Closes the objects of a JSON Schema, as Ollama's grammar does: it allows no keys but the named ones."""

from typing import Any

Json = dict[str, Any]

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_SINGLE = ("items", "additionalProperties")
_COMBINING = frozenset(("anyOf", "oneOf", "allOf", "$ref"))


def closed(schema: Json) -> Json:
    """The schema with `additionalProperties: false` at objects that have `properties` and do not set it.

    A schema that combines several schemas into one object is left as it is: each would forbid the others' properties.
    """
    return schema if _mixes(schema) else _closed(schema)


def _closed(schema: Json) -> Json:
    new = dict(schema)
    for key in schema.keys() & set(_LISTS):
        new[key] = [_closed(part) if isinstance(part, dict) else part for part in schema[key]]
    for key in schema.keys() & set(_NAMED):
        new[key] = {name: _closed(part) if isinstance(part, dict) else part for name, part in schema[key].items()}
    for key in schema.keys() & set(_SINGLE):
        if isinstance(schema[key], dict):
            new[key] = _closed(schema[key])
    # An object that requires a name it does not define could not be closed and filled.
    if "properties" in schema and set(schema.get("required", ())) <= schema["properties"].keys():
        new.setdefault("additionalProperties", False)
    return new


def _mixes(schema: Json) -> bool:
    several = len(schema.get("allOf", ())) > 1 or ("properties" in schema and not _COMBINING.isdisjoint(schema))
    return several or any(_mixes(part) for part in _parts(schema) if isinstance(part, dict))


def _parts(schema: Json) -> list[Any]:
    lists = [part for key in _LISTS for part in schema.get(key, ())]
    named = [part for key in _NAMED for part in schema.get(key, {}).values()]
    return lists + named + [schema[key] for key in _SINGLE if key in schema]

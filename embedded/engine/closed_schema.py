"""Makes a JSON Schema mean to this engine what it means to Ollama's.

Ollama's grammar closes objects, so that they have no keys but the named ones, and ignores a `format` that it does not
know. This engine would ignore the whole schema for it.
"""

from typing import Any

Json = dict[str, Any]

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_SINGLE = ("items", "additionalProperties")
_COMBINING = frozenset(("anyOf", "oneOf", "allOf", "$ref"))
_FORMATS = frozenset(("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"))
"""Those that the engine knows."""


def close_schema(schema: Json) -> Json:
    """Give the schema `additionalProperties: false` at objects that have `properties` and do not set it.

    A schema that combines several schemas into one object is left as it is: each would forbid the others' properties.
    """
    return _rewrite(schema, close=not _mixes(schema))


def _rewrite(schema: Json, *, close: bool) -> Json:
    def rewrite_part(part: Any) -> Any:
        return _rewrite(part, close=close) if isinstance(part, dict) else part

    new = dict(schema)
    if new.get("format") not in _FORMATS:
        new.pop("format", None)
    for key in schema.keys() & set(_LISTS):
        new[key] = [rewrite_part(part) for part in schema[key]]
    for key in schema.keys() & set(_NAMED):
        new[key] = {name: rewrite_part(part) for name, part in schema[key].items()}
    for key in schema.keys() & set(_SINGLE):
        new[key] = rewrite_part(schema[key])
    # An object that requires a name it does not define could not be closed and filled.
    if close and "properties" in schema and set(schema.get("required", ())) <= schema["properties"].keys():
        new.setdefault("additionalProperties", False)
    return new


def _mixes(schema: Json) -> bool:
    several = len(schema.get("allOf", ())) > 1 or ("properties" in schema and not _COMBINING.isdisjoint(schema))
    return several or any(_mixes(part) for part in _parts(schema) if isinstance(part, dict))


def _parts(schema: Json) -> list[Any]:
    lists = [part for key in _LISTS for part in schema.get(key, ())]
    named = [part for key in _NAMED for part in schema.get(key, {}).values()]
    return lists + named + [schema[key] for key in _SINGLE if key in schema]

"""Which values the grammar allows that llama.cpp makes of a schema, in every version that Ollama has shipped.

Modelled after its converter: what it looks at first, what it ignores, and what it refuses.
"""
# ruff: noqa: C901, PLR0911 - one case after another, as the converter has them

import json
import re
from typing import Any

Json = Any
_KEYWORDS = """
$ref $defs title description type const enum anyOf properties required additionalProperties items prefixItems minItems
maxItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_FORMATS = {
    "date": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "time": r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{3})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}
_FORMATS["date-time"] = f"{_FORMATS['date']}T{_FORMATS['time']}"
_PRIMITIVES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_PATTERN = re.compile(r"\^(?:\[\^?(?:\\x[0-9A-F]{2}|[^\\\]\[\"])+\]|[()|*+?]|\{\d+,\d*\})*\$")
"""Parts that every version reads alike: sets, groups and repeats."""


class Refused(Exception):
    """The converter answers 400, or some version of it does."""


class Grammar:
    """The grammar of a schema as it is sent."""

    def __init__(self, schema: Json) -> None:
        self._root = schema

    def allows(self, value: Json) -> bool:
        """Whether the model can write the value.

        Raises:
            Refused: there is no grammar.
        """
        if "$ref" in self._root:
            raise Refused("below a $ref at the root no other is resolved")
        return self._visit(self._root, value, ())

    def _visit(self, schema: Json, value: Json, above: tuple[str, ...]) -> bool:
        if not isinstance(schema, dict) or not schema.keys() <= KEYWORDS:
            raise Refused(f"not a part that all versions know: {schema}")
        kind = schema.get("type")
        if "$ref" in schema:
            return self._visit(self._resolved(schema["$ref"], above), value, (*above, schema["$ref"]))
        if "anyOf" in schema:
            return _any([self._visit(branch, value, above) for branch in schema["anyOf"]])
        if isinstance(kind, list):
            return _any([self._visit({**schema, "type": name}, value, above) for name in kind])
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            return _any([json.dumps(value) == json.dumps(each) for each in values])
        if kind in (None, "object") and (
            "properties" in schema or schema.get("additionalProperties", True) is not True
        ):
            return self._object(schema, value)
        if kind in (None, "array") and ("items" in schema or "prefixItems" in schema):
            return self._array(schema, value)
        if kind in (None, "string") and "pattern" in schema:
            return isinstance(value, str) and _matches(schema["pattern"], value)
        if kind in (None, "string") and schema.get("format") in _FORMATS:
            return isinstance(value, str) and bool(re.fullmatch(_FORMATS[schema["format"]], value))
        if kind not in _PRIMITIVES:
            raise Refused(f"unrecognized schema: {schema}")
        return _PRIMITIVES[kind](value) and _within(schema, value)

    def _resolved(self, reference: str, above: tuple[str, ...]) -> Json:
        if not re.fullmatch(r"#/\$defs/[A-Za-z0-9]+", reference):
            raise Refused(f"unsupported ref: {reference}")
        if reference in above:
            raise Refused(f"left recursion: {reference}")
        return self._root["$defs"][reference.removeprefix("#/$defs/")]

    def _object(self, schema: Json, value: Json) -> bool:
        known, more = schema.get("properties", {}), schema.get("additionalProperties", False)
        if "$ref" in known or (more is not False and any(set(name) & set('^-]"\\') for name in known)):
            raise Refused(f"names that break the grammar: {list(known)}")
        if not isinstance(value, dict) or not known.keys() & set(schema.get("required", ())) <= value.keys():
            return False
        return all(
            self._visit(known[name], item, ())
            if name in known
            else more is True or (more and self._visit(more, item, ()))
            for name, item in value.items()
        )

    def _array(self, schema: Json, value: Json) -> bool:
        places = schema.get("items", schema.get("prefixItems"))
        if isinstance(places, list):
            fits = isinstance(value, list) and len(value) == len(places)
            return fits and all(map(lambda place, item: self._visit(place, item, ()), places, value))
        least, most = schema.get("minItems", 0), schema.get("maxItems", len(value) if isinstance(value, list) else 0)
        if not (isinstance(least, int) and isinstance(most, int) and least <= 1999):
            raise Refused("counts that no grammar has")
        return (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(self._visit(places, each, ()) for each in value)
        )


def _any(found: list[bool]) -> bool:
    if not found:
        raise Refused("an empty choice")
    return any(found)


def _matches(pattern: str, value: str) -> bool:
    if not _PATTERN.fullmatch(pattern) or any(opening in pattern for opening in ("(|", "()", "||", "|)", "(*")):
        raise Refused(f"pattern: {pattern}")
    return bool(re.fullmatch(pattern[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]))


def _within(schema: Json, value: Json) -> bool:
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if schema["type"] == "integer":
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True

"""Finds the parts of a schema for which no value can be valid, to name them."""

from collections.abc import Iterator
from typing import Any

from llamaq.extraction.engine.merging import types_of, value_types
from llamaq.extraction.references import Path, all_parts
from llamaq.vocabulary.wire import JsonObject

_PAIRS = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum"))


def find_contradictions(schema: JsonObject) -> Iterator[tuple[Path, str]]:
    """Find the parts that contradict themselves, with the reason. Contradictions between parts are not found."""
    for path, part in all_parts(schema):
        for least, most in _PAIRS:
            if _number(part, least) > _number(part, most):
                yield (*path, least), f"it is more than {most}, so no value is valid: raise {most}"
        values = part.get("enum")
        if isinstance(values, list) and not any(value_types(value) & types_of(part) for value in values):
            yield (*path, "enum"), "it has no value of the type, so no value is valid: list one"
        if "const" in part and "type" in part and not value_types(part["const"]) & types_of(part):
            yield (*path, "const"), "it is not of the type, so no value is valid: change one of the two"
        yield from ((path, message) for message in _check_required(part))


def _number(part: JsonObject, name: str) -> float:
    value: Any = part.get(name)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return value if known else float("-inf" if name.startswith("min") else "inf")


def _check_required(part: JsonObject) -> Iterator[str]:
    known, required = part.get("properties") or {}, part.get("required")
    if part.get("additionalProperties") is not False or part.get("patternProperties") or not isinstance(required, list):
        return
    for name in required:
        if name not in known:
            yield f"{name!r} is required, but additionalProperties is false and properties lacks it: add it there"

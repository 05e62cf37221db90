"""Changes to the fields of a request. A dotted name, such as `options.num_ctx`, is one inside a field."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from llamaq.vocabulary.errors import InvalidRequest


def apply_changes(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Apply changes to a copy of the fields; None removes a field.

    Raises:
        InvalidRequest: a dotted name leads into a value that has no fields.
    """
    whole = deepcopy(dict(fields))
    for name, value in changes.items():
        *way, last = _split_name(name)
        inner: Any = whole
        for part in way:
            inner = _enter(inner, part, name)
        _put(inner, last, value, name)
    return whole


def check_changes(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check changes that a user wrote, which become keyword arguments of `replay` or `put_back`.

    Raises:
        InvalidRequest: one has the name of another argument of these verbs. No request has such a field.
    """
    for name in ("self", "job_id", "letter"):
        if name in changes:
            raise InvalidRequest.of(name, "there is no such field")
    return changes


def _split_name(name: str) -> list[str]:
    # Names in `metadata` are the producer's own, and may have a dot in them.
    return name.split(".", 1) if name.startswith("metadata.") else name.split(".")


def _enter(inner: Any, part: str, name: str) -> Any:
    if isinstance(inner, list):
        return inner[_parse_index(inner, part, name)]
    if not isinstance(inner, dict):
        raise InvalidRequest.of(name, f"leads into a value that has no field {part!r}")
    if inner.get(part) is None:
        inner[part] = {}
    return inner[part]


def _put(inner: Any, part: str, value: Any, name: str) -> None:
    if isinstance(inner, list):
        inner[_parse_index(inner, part, name)] = value
    elif not isinstance(inner, dict):
        raise InvalidRequest.of(name, f"leads into a value that has no field {part!r}")
    elif value is None:
        inner.pop(part, None)
    else:
        inner[part] = value


def _parse_index(inner: list[Any], part: str, name: str) -> int:
    if part.isascii() and part.isdecimal() and len(part) < 10 and int(part) < len(inner):
        return int(part)
    raise InvalidRequest.of(name, f"{part!r} is no place in a list of {len(inner)}")

"""Pydantic's errors as problems of a request: one for each field, by the producer's name of the field."""

import json
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from llamaq.vocabulary.errors import Problem

MOST_ERRORS = 100
"""Of one request: a million unknown fields must not become a million problems."""
MOST_QUOTED = 40
"""Characters of a wrong value that a problem quotes."""
MOST_CHARS = 500
"""Of one problem: pydantic quotes the value that a field had in place of one of its words."""


def problems(error: ValidationError, given: object) -> list[Problem]:
    """One problem for each field of `given` that is wrong.

    For a field that may be of several types, pydantic reports an error of each type. The problem is then the error of
    the type that matched best: one that is inside the field, or one about the value and not about its type. Where no
    type matched better than the others, their messages are joined.
    """
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for entry in error.errors(include_url=False, include_context=False)[:MOST_ERRORS]:
        found.setdefault(_path(entry, given), []).append(entry)
    return [
        Problem(".".join(path), _message(entries))
        for path, entries in found.items()
        if not any(len(other) > len(path) and other[: len(path)] == path for other in found if path)
    ]


def _message(entries: list[ErrorDetails]) -> str:
    of_values = [entry for entry in entries if not entry["type"].endswith(("_type", "literal_error"))]
    texts = [" ".join(entry["msg"].removeprefix("Value error, ").split()) for entry in of_values or entries]
    first, *others = dict.fromkeys(texts)
    text = " or ".join([first, *(text.removeprefix("Input should be ") for text in others)])
    if first.startswith("Input should be"):
        text += f", not {_named(entries[0]['input'])}"
    elif entries[0]["type"] == "extra_forbidden":
        text += ": leave this field out, or mend its name"
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…"


def _named(value: object) -> str:
    """The value in a few words."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return repr(value[:MOST_QUOTED])
        case int() if value.bit_length() > MOST_QUOTED:
            return "a very large number"  # Python refuses to print thousands of digits
        case int() | float():
            return repr(value)
    return "an object" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else type(value).__name__


def _path(entry: ErrorDetails, given: object) -> tuple[str, ...]:
    """The parts of pydantic's location that are in the request. Other parts are branches of unions, and validators."""
    if entry["type"].startswith("union_tag_"):
        return ("kind",)
    path: list[str] = []
    for part in entry["loc"]:
        if _leads_into(given, part):
            given = given[part]  # type: ignore[index]  # as just found out
        elif entry["type"] != "missing" or part != entry["loc"][-1]:
            continue
        path.append(str(part)[:MOST_CHARS])
    return tuple(path)


def _leads_into(given: object, part: str | int) -> bool:
    if isinstance(given, Mapping):
        return part in given
    return isinstance(given, list | tuple) and isinstance(part, int)

"""Light requests: those that are checked faster than a thread is woken for it."""

from typing import Any

MOST_CHARACTERS = 10_000
MOST_VALUES = 200
_HEAVY = ("images", "schema", "json_schema", "format")
"""Members whose check decodes, or compiles, what they hold."""


def is_light(request: Any) -> bool:
    """Whether a request has few values and short texts, and neither images nor a schema.

    Its check takes 20 µs then. A thread takes 300, and more where the processor is busy.
    """
    left, values, characters = [request], 0, 0
    while left:
        value = left.pop()
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict | list | tuple):
            if len(value) > MOST_VALUES or (isinstance(value, dict) and _is_heavy(value)):
                return False
            left += value.values() if isinstance(value, dict) else value
        elif value is not None and not isinstance(value, bool | int | float):
            return False  # bytes, a file, a model of a request: whatever it holds
        values += 1
        if values > MOST_VALUES or characters > MOST_CHARACTERS:
            return False
    return True


def _is_heavy(members: dict[Any, Any]) -> bool:
    return any(members.get(name) and not isinstance(members[name], str) for name in _HEAVY)

"""Escapes the control characters in text for a terminal, so that they are shown and have no effect."""

from collections.abc import MutableMapping
from typing import Any

_PICTURES = 0x2400  # Unicode's pictures of the C0 controls, in their order


def _shown_as() -> dict[int, str]:
    table = {code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in "\t\n"}
    table[0x7F] = "\u2421"
    return table | dict.fromkeys(range(0x80, 0xA0), "\ufffd")


_TABLE = _shown_as()


def escaped(text: str) -> str:
    """The text with visible characters for control characters, except tabs and line ends."""
    return text.replace("\r\n", "\n").translate(_TABLE)


def with_escaped_texts(_: object, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """A processor of structlog: a line may quote a host or a foreign message, which could change what is shown."""
    return {name: escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def escaped_json(text: str) -> str:
    """The same JSON without control characters: JSON escapes C0, but neither DEL nor C1."""
    return "".join(f"\\u{ord(char):04x}" if 0x7F <= ord(char) < 0xA0 else char for char in text)

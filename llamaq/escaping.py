"""Escapes the control characters in text for a terminal, so that they are shown and have no effect."""

from collections.abc import MutableMapping
from typing import Any

_PICTURES = 0x2400  # Unicode's pictures of the C0 controls, in their order


def _build_table() -> dict[int, str]:
    table = {code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in "\t\n"}
    table[0x7F] = "\u2421"
    return table | dict.fromkeys(range(0x80, 0xA0), "\ufffd")


_TABLE = _build_table()


def escape_controls(text: str) -> str:
    """Replace control characters, except tabs and line ends, by visible ones."""
    return text.replace("\r\n", "\n").translate(_TABLE)


def escape_event(_: object, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Escape the texts of a line, which may quote a host or a foreign message. A processor of structlog."""
    return {name: escape_controls(value) if isinstance(value, str) else value for name, value in event.items()}


def escape_json(text: str) -> str:
    """Escape the control characters in JSON: its own escapes are of C0, but neither of DEL nor of C1."""
    return "".join(f"\\u{ord(char):04x}" if 0x7F <= ord(char) < 0xA0 else char for char in text)

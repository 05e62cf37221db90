"""Reads JSON into Go's types as `encoding/json` does: names in any case, null as absent, and the same errors."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from ollama_api import syntax
from ollama_api.refusal import Refusal

Json = dict[str, Any]
_NAMES: dict[type, str] = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
_ALPHABET = re.compile(r"[A-Za-z0-9+/]*")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_DEPTH = "exceeded max depth"
_HALF = re.compile("[\ud800-\udfff]")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity, which Python's reader takes


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
DEEPEST = 200
"""Levels of nesting, as on the other routes. Python's reader stops at 1,000 in Python 3.11, and at 65,000 in 3.14."""


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a value: the struct that is read, and the names and indexes down to it."""

    struct: str
    path: tuple[str, ...] = ()

    def at(self, name: str | int) -> "Where":
        """The place of a member or an item."""
        return Where(self.struct, (*self.path, str(name)))

    def __str__(self) -> str:
        return f"{self.struct}.{'.'.join(self.path)}"


Read = Callable[[Any, Where], Any]
"""Reads a value that is not null."""


def decode_body(raw: bytes, struct: str, fields: Mapping[str, Read]) -> Json:
    """Read the known fields of a request's body that are not null. What follows the first value is ignored.

    Raises:
        Refusal: 400.
    """
    text = raw.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    if not text:
        raise Refusal(400, "missing request body")
    try:
        value = _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError):
        raise Refusal(400, syntax.find_problem(raw) or _MAX_DEPTH) from None
    if text.count("[") + text.count("{") > DEEPEST and _is_too_deep(value):
        raise Refusal(400, _MAX_DEPTH)
    if _ESCAPED_SURROGATE.search(text):
        value = _replace_halves(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(400, f"json: cannot unmarshal {_type_name(value)} into Go value of type api.{struct}")
    return read_members(value, fields, Where(struct))


def read_members(value: Json, fields: Mapping[str, Read], where: Where) -> Json:
    """Read the known fields of an object that are not null; the last of two that differ only in case counts."""
    found: Json = {}
    for given, item in value.items():
        name = given if given in fields else given.lower()
        if name in fields and item is not None:
            found[name] = fields[name](item, where.at(name))
    return found


def of_type(go_type: str, *kinds: type) -> Read:
    """Reads a value of one of these kinds. A bool is no number."""

    def read(value: Any, where: Where) -> Any:
        if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
            return value
        raise mismatch(value, go_type, where)

    return read


def array(go_type: str, item: Read, zero: Any) -> Read:
    """Reads a list; `zero` stands for a null in it."""

    def read(value: Any, where: Where) -> Any:
        if not isinstance(value, list):
            raise mismatch(value, go_type, where)
        return [zero if one is None else item(one, where.at(index)) for index, one in enumerate(value)]

    return read


def struct(go_type: str, fields: Mapping[str, Read]) -> Read:
    """Reads an object with these fields."""

    def read(value: Any, where: Where) -> Any:
        if not isinstance(value, dict):
            raise mismatch(value, go_type, where)
        return read_members(value, fields, where)

    return read


def struct_by_itself(name: str, fields: Mapping[str, Read]) -> Read:
    """Reads an object that Ollama's own code unmarshals: errors name only the place inside it."""

    def read(value: Any, where: Where) -> Any:  # noqa: ARG001 - the place outside is not named
        if not isinstance(value, dict):
            raise Refusal(400, f"json: cannot unmarshal {_type_name(value)} into Go value of type api.{name}")
        return read_members(value, fields, Where(name))

    return read


def read_anything(value: Any, where: Where) -> Any:  # noqa: ARG001 - it is never wrong
    """Reads any value."""
    return value


def read_image(value: Any, where: Where) -> str:
    """Reads an image in base64, with or without line ends."""
    if not isinstance(value, str):
        raise mismatch(value, "api.ImageData", where)
    packed = value.replace("\r", "").replace("\n", "")
    try:
        base64.b64decode(packed.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _bad_base64(value, where) from None
    if "=" in packed[:-2] or len(packed) % 4:
        raise _bad_base64(value, where)
    return packed


def mismatch(value: Any, go_type: str, where: Where) -> Refusal:
    """The error for a value of another type."""
    name = f"number {value!r}" if isinstance(value, float) and go_type.startswith("int") else _type_name(value)
    return Refusal(400, f"json: cannot unmarshal {name} into Go struct field {where} of type {go_type}")


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        parts = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [inner for part in parts for inner in part if isinstance(inner, dict | list)]
    return bool(level)


def _replace_halves(value: Any) -> Any:
    """Put U+FFFD for each half of a surrogate pair, as Go reads it: no text can hold such a half."""
    match value:
        case str():
            return _HALF.sub("\N{REPLACEMENT CHARACTER}", value)
        case list():
            return [_replace_halves(item) for item in value]
        case dict():
            return {_replace_halves(name): _replace_halves(item) for name, item in value.items()}
    return value


def _type_name(value: Any) -> str:
    return _NAMES.get(type(value), "null")


def _bad_base64(value: str, where: Where) -> Refusal:
    what = f"illegal base64 data at input byte {_wrong_byte(value)}"
    return Refusal(400, f"json: cannot unmarshal string into {where} of type api.ImageData: {what}")


def _wrong_byte(value: str) -> int:
    """The offset that Go names: of the first wrong character, or where the padding is wrong."""
    data = value.encode(errors="replace")
    held = 0
    state: Literal["digits", "padding", "end"] = "digits"
    for offset, byte in enumerate(data):
        char = chr(byte)
        if char in "\r\n":
            continue
        if state == "end":
            return offset
        if state == "padding":
            if char != "=":
                return offset - 1  # as Go counts here
            state = "end"
        elif char == "=":
            if held < 2:
                return offset
            state = "padding" if held == 2 else "end"
        elif not _ALPHABET.fullmatch(char):
            return offset
        else:
            held = (held + 1) % 4
    return len(data) if state == "padding" else len(data) - held

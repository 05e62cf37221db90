"""Writes JSON as Go's `json.Marshal` does, byte by byte."""

import math
import re
import time
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from llamaq.store.clock import SYSTEM

# Go writes these as escapes, so that the text can stand in HTML and in JavaScript; half a surrogate pair is no text.
_ESCAPED = re.compile("[<>&\u2028\u2029]|[\ud800-\udfff]")
_MOST_PLAIN, _LEAST_PLAIN = 1e21, 1e-6
"""Numbers outside have an exponent."""
_CONSTANTS = {None: "null", True: "true", False: "false"}
_SHORT_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_SHORT_ESCAPES |= {'"': r"\"", "\\": r"\\"}


def encode_json(value: Any) -> str:
    """Encode a value as compact JSON; fields that are None are written as null."""
    match value:
        case str():
            return encode_text(value)
        case None | bool():
            return _CONSTANTS[value]
        case int():
            return str(value)
        case float():
            return encode_number(value)
        case dict():
            return (
                "{" + ",".join([f"{encode_text(str(name))}:{encode_json(item)}" for name, item in value.items()]) + "}"
            )
    return "[" + ",".join([encode_json(item) for item in value]) + "]"


def encode_text(value: str) -> str:
    """Encode a string, with its quotes."""
    plain = encode_basestring(value)
    return _ESCAPED.sub(_escape, plain) if _ESCAPED.search(plain) else plain


def encode_number(value: float) -> str:
    """Encode a float64: the fewest digits that read as the same number."""
    if value.is_integer() and abs(value) < _MOST_PLAIN:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    plain = repr(value)
    digits, e, exponent = plain.partition("e")
    if not e:
        return plain
    if _LEAST_PLAIN <= abs(value) < _MOST_PLAIN:
        places = len(digits.lstrip("-").replace(".", "")) - 1 - int(exponent)
        return f"{value:.{places}f}"
    sign, size = exponent[0], exponent.lstrip("+-").lstrip("0")
    return f"{digits.removesuffix('.0')}e{'-' if sign == '-' else '+'}{size if sign == '-' else size.zfill(2)}"


def quote(value: str) -> str:
    """Quote a string as `%q` writes it into a message."""
    return '"' + "".join(map(_quote_char, value)) + '"'


def format_timestamp(nanoseconds: int | None = None) -> str:
    """Format a time in Unix nanoseconds, or now, as RFC 3339 in UTC: without zeros at the end of the fraction."""
    seconds, rest = divmod(int(SYSTEM.time() * 1e9) if nanoseconds is None else nanoseconds, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{_format_second(seconds)}{fraction}Z"


@lru_cache(maxsize=8)
def _format_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return r"\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def _quote_char(char: str) -> str:
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    if char == " " or (char.isprintable() and not char.isspace()):
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""Base64 as people have it: wrapped, in a `data:` URL, in the alphabet for URLs, without padding, or through a form."""

import base64
import re
from urllib.parse import unquote, unquote_to_bytes

from llamaq.images.refusal import Refused

_HEADER = re.compile(r"(?:data:|(?=image/))[^,]{0,200}?(?P<base64>;\s*base64\s*)?,", re.IGNORECASE)
_BLANKS = " \t\r\n\f\v\ufeff"
_STANDARD = str.maketrans("-_", "+/", "\t")
_OTHER = re.compile(r"[^A-Za-z0-9+/]")


def decode(text: str) -> bytes:
    """Decode base64 or a `data:` URL. White space, missing padding and the alphabet of URLs are taken.

    Raises:
        Refused: it is neither.
    """
    text = text.strip(_BLANKS)
    header = _HEADER.match(text)
    body = text[header.end() :] if header else text
    if header and not header["base64"]:
        return unquote_to_bytes(body.encode(errors="replace"))
    joined = _remove_blanks(unquote(body, "latin-1") if "%" in body else body).translate(_STANDARD).rstrip("=")
    if wrong := _OTHER.search(joined):
        raise Refused(_not_base64(text, f"{wrong.group()!a} is none of its characters"))
    if len(joined) % 4 == 1:
        raise Refused(_not_base64(text, f"{len(joined)} characters are no whole number of bytes, so it is cut"))
    return base64.b64decode(joined + "=" * (-len(joined) % 4))


def unwrap(data: bytes) -> bytes:
    """Decode a file that is base64 itself; any other file stays as it is."""
    try:
        return decode(data.decode("ascii"))
    except (UnicodeDecodeError, Refused):
        return data


def _remove_blanks(text: str) -> str:
    first, *more = "".join(line.strip() for line in text.splitlines()).split(" ")
    # A shell makes blanks of line ends, so the parts are lines of one length. A form makes a blank of each `+`.
    lines = len(first) % 4 == 0 and all(len(part) == len(first) for part in more[:-1])
    lines = lines and (not more or len(more[-1]) <= len(first))
    return ("" if lines else "+").join([first, *more])


def _not_base64(text: str, reason: str) -> str:
    if text.startswith(("b'", 'b"')):
        return "a str that shows Python's bytes: hand in the bytes themselves, or decode them to a str"
    return f"a str must be base64 or a data: URL ({reason}); hand in a Path for a file's name"

"""Reads the bytes of an image from a path, bytes, base64, a `data:` URL or a file object."""

import base64
import binascii
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from llamaq.images.image import ImageSource
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest

_URL = re.compile(r"(?!data:)[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_DATA = re.compile(r"data:(?P<base64>[^,]{0,200}?;base64)?[^,]{0,200},", re.IGNORECASE)

_URL_SAFE = str.maketrans("-_", "+/")


def read(source: ImageSource, limits: Limits, field: str) -> bytes:
    """The bytes of an image's file. A picture of Pillow's is no file, and is read elsewhere.

    Raises:
        InvalidRequest: it cannot be read, is a URL, is not base64, or has too many bytes.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return checked(bytes(source), limits, field)
    if isinstance(source, str):
        return checked(_decoded(source, limits, field), limits, field)
    if isinstance(source, os.PathLike):
        return _of_path(Path(source), limits, field)
    if hasattr(source, "read"):
        return _of_file(source, limits, field)
    takes = "a Path, bytes, base64 or a data: URL in a str, a file object or a picture of Pillow's"
    raise InvalidRequest.of(field, f"give {takes}, not {type(source).__name__}")


def checked(data: bytes, limits: Limits, field: str) -> bytes:
    """The same bytes.

    Raises:
        InvalidRequest: they are too many.
    """
    if len(data) > limits.image_bytes:
        raise _too_many(f"{len(data)} bytes are", limits, field)
    return data


def _too_many(size: str, limits: Limits, field: str) -> InvalidRequest:
    return InvalidRequest.of(field, f"{size} over the limit of {limits.image_bytes} bytes (LLAMAQ_MAX_IMAGE_BYTES)")


def _of_path(path: Path, limits: Limits, field: str) -> bytes:
    if _URL.match(str(path)):
        raise _not_fetched(field)
    with _readable(str(path), field):
        if path.stat().st_size > limits.image_bytes:
            raise _too_many(f"{path} with {path.stat().st_size} bytes is", limits, field)
        with path.open("rb") as file:
            return _of_file(file, limits, field)


def _of_file(file: Any, limits: Limits, field: str) -> bytes:
    # A device or a pipe has no size, so one byte more than the limit is read.
    with _readable("the file", field):
        data = file.read(limits.image_bytes + 1)
    if not isinstance(data, bytes):
        raise InvalidRequest.of(field, "open the file in binary mode: it gives text")
    if len(data) > limits.image_bytes:
        raise _too_many("the file is", limits, field)
    return data


@contextmanager
def _readable(name: str, field: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidRequest.of(field, f"cannot read {name}: {error.strerror or error}") from error


def _decoded(text: str, limits: Limits, field: str) -> bytes:
    text = text.strip()
    if _URL.match(text):
        raise _not_fetched(field)
    header = _DATA.match(text)
    body = text[header.end() :] if header else text
    if not header or header["base64"]:
        body = _canonical(unquote(body) if "%" in body else body)
    if len(body) // 4 * 3 - 2 > limits.image_bytes:
        raise _too_many(f"about {len(body) // 4 * 3} bytes are", limits, field)
    if header and not header["base64"]:
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        hint = "hand in a Path for a file's name"
        raise InvalidRequest.of(field, f"a str must be base64 or a data: URL ({error}); {hint}") from error


def _canonical(text: str) -> str:
    """Base64 in the standard alphabet, without white space, with its padding."""
    body = "".join(text.split()).translate(_URL_SAFE)
    return body if "=" in body else body + "=" * (-len(body) % 4)


def _not_fetched(field: str) -> InvalidRequest:
    return InvalidRequest.of(field, "a URL is not fetched: fetch it yourself, and hand in the bytes")

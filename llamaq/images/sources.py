"""Reads the bytes of an image from a path, bytes, base64, a `data:` URL or a file object."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llamaq.images import base64_text
from llamaq.images.image import ImageSource
from llamaq.images.refusal import Refused
from llamaq.settings.producer import Limits
from llamaq.vocabulary.problems import describe_value

_URL = re.compile(r"\s*(?!data:)[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_MOST_CHARACTERS = 4
"""For one byte, as checked ahead of decoding: a `data:` URL may have three."""
_MOST_HEADER = 1000
_NOT_FETCHED = "a URL is not fetched: fetch it yourself, and hand in the bytes"


def read(source: ImageSource, limits: Limits) -> bytes:
    """The bytes of an image's file. A picture of Pillow's is no file, and is read elsewhere.

    Raises:
        Refused: it cannot be read, is a URL, is not base64, or has too many bytes.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _check_bytes(bytes(source), limits)
    if isinstance(source, str):
        if _URL.match(source):
            raise Refused(_NOT_FETCHED)
        if len(source) > _MOST_CHARACTERS * limits.image_bytes + _MOST_HEADER:
            raise _too_many(f"{len(source)} characters are", limits)
        return _check_bytes(base64_text.decode(source), limits)
    if isinstance(source, os.PathLike):
        return _read_path(Path(source), limits)
    if hasattr(source, "read"):
        return _read_file(source, limits)
    in_python = "in Python also a Path, bytes, a file object or a picture of Pillow's"
    raise Refused(f"give base64 or a data: URL, {in_python}, not {describe_value(source)}")


def file_name(source: ImageSource) -> str:
    """The name of its file, or nothing."""
    found = source if isinstance(source, os.PathLike) else getattr(source, "name", "")
    return str(found) if isinstance(found, str | os.PathLike) else ""


def _check_bytes(data: bytes, limits: Limits) -> bytes:
    if len(data) > limits.image_bytes:
        raise _too_many(f"{len(data)} bytes are", limits)
    return data


def _too_many(size: str, limits: Limits) -> Refused:
    return Refused(f"{size} over the limit of {limits.image_bytes} bytes ({limits.name('image_bytes')})")


def _read_path(path: Path, limits: Limits) -> bytes:
    if _URL.match(str(path)):
        raise Refused(_NOT_FETCHED)
    with _translate_errors():
        if path.stat().st_size > limits.image_bytes:
            raise _too_many(f"{path.stat().st_size} bytes are", limits)
        with path.open("rb") as file:
            return _read_file(file, limits)


def _read_file(file: Any, limits: Limits) -> bytes:
    # A device or a pipe has no size, so one byte more than the limit is read.
    with _translate_errors():
        data = file.read(limits.image_bytes + 1)
    if not isinstance(data, bytes):
        raise Refused("open the file in binary mode: it gives text")
    if len(data) > limits.image_bytes:
        raise _too_many("the file is", limits)
    return data


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise Refused(f"cannot read it: {getattr(error, 'strerror', None) or error}") from error

"""JPEG: segments that begin with a marker, and entropy-coded data that ends where the next marker begins."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from llamaq.images.formats.anatomy import CUT, Anatomy

MAGIC = b"\xff\xd8\xff"
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE
# Frames, tables, restarts and scans. Application data and comments are dropped.
_PICTURE = frozenset(range(0xC0, 0xD0)) | {_SOS, 0xDB, 0xDC, 0xDD}
_NEXT_MARKER = re.compile(rb"\xff(?![\x00\xd0-\xd7\xff])")
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_ADOBE_LENGTH = 12


class _Segment(NamedTuple):
    marker: int
    content: bytes
    whole: bytes
    end: int


def dissect(data: bytes) -> Anatomy:
    """Keep the segments that decoding needs, with the colour transform in Adobe's, up to the first end marker."""
    kept, exif = [b"\xff\xd8"], b""
    segments = list(_segments(data))
    for marker, content, whole, _ in segments:
        if marker in _PICTURE or marker == _EOI:
            kept.append(whole)
        elif marker == _APP0 and content.startswith(b"JFIF\0"):
            kept.insert(1, b"" if _JFIF in kept else _JFIF)  # without its thumbnail; it must be the first segment
        elif marker == _APP14 and content.startswith(b"Adobe") and len(content) >= _ADOBE_LENGTH:
            kept.append(b"\xff\xee\x00\x0e" + content[:_ADOBE_LENGTH])
        elif marker == _APP1 and content.startswith(b"Exif\0\0"):
            exif = exif or content
    return Anatomy("JPEG", segments[-1].end, b"".join(kept), lossy=True, exif=exif)


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments behind the start marker, up to and with the end marker. That of a scan includes its data."""
    position, marker = 2, _SOI
    while marker != _EOI:
        begin = position
        while data[position : position + 2] == b"\xff\xff":
            position += 1  # fill bytes
        if position + 2 > len(data):
            raise ValueError(CUT)
        if data[position] != 0xFF or data[position + 1] in (0, _SOI):
            raise ValueError("it has something in it that is no segment")
        marker = data[position + 1]
        end = position + 2 if marker == _EOI else _end(data, position, marker)
        yield _Segment(marker, data[position + 4 : end], data[position:end], end)
        position = max(end, begin + 1)


def _end(data: bytes, position: int, marker: int) -> int:
    if position + 4 > len(data):
        raise ValueError(CUT)
    (length,) = struct.unpack_from(">H", data, position + 2)
    end = int(position + 2 + length)
    if length < 2 or end > len(data):
        raise ValueError(CUT)
    if marker == _SOS:
        found = _NEXT_MARKER.search(data, end)
        if found is None:
            raise ValueError(CUT)
        return found.start()
    return end

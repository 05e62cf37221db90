"""JPEG: segments that begin with a marker, and entropy-coded data that ends where the next marker begins.

It is always encoded again. No library tells where its coded data holds more than the picture: bits behind the last
block or behind a restart, codes and steps that no block uses.
"""

import re
import struct
from collections.abc import Iterator

from llamaq.images.formats.anatomy import CUT, Anatomy
from llamaq.images.refusal import Damaged

MAGIC = b"\xff\xd8\xff"
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE
# Frames, tables, the interval of restarts, and scans. All else is removed: application data, comments, and the unknown.
_PICTURE = (frozenset(range(0xC0, 0xD0)) - {0xC8}) | {_SOS, 0xDB, 0xDD}
# Fill bytes, restarts and other markers without a length are skipped, between segments and in scans.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_MOST_SCANS = 100
"""Progressive images have about ten. Each costs a pass over all pixels, here and on the host, whatever its size."""
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # the colour transform follows
_ADOBE_LENGTH = 12


def dissect(data: bytes) -> Anatomy:
    """Keep the segments that decoding needs, up to the end marker, with the colour transform in Adobe's."""
    kept = [b"\xff\xd8"]
    scans = 0
    exif = b""
    for marker, content, whole in _read_segments(data):
        scans += marker == _SOS
        if marker in _PICTURE:
            kept.append(whole)
        elif marker == _APP0 and content.startswith(b"JFIF\0"):
            kept.insert(1, b"" if _JFIF in kept else _JFIF)  # without its thumbnail; it must be the first segment
        elif marker == _APP14 and content.startswith(b"Adobe") and len(content) >= _ADOBE_LENGTH:
            kept.append(_ADOBE + content[_ADOBE_LENGTH - 1 : _ADOBE_LENGTH])
        elif marker == _APP1 and content.startswith(b"Exif\0\0"):
            exif = exif or content
    if scans > _MOST_SCANS:
        raise Damaged(f"it has more than {_MOST_SCANS} scans")
    return Anatomy("JPEG", b"".join(kept) + b"\xff\xd9", lossy=True, exif=exif)


def _read_segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Read marker, content and whole of each segment between the start and the end marker. A scan's has its data.

    Bytes between segments are skipped, as by other readers: cameras and web servers leave some.
    """
    position = 2
    while found := _NEXT_MARKER.search(data, position):
        begin, marker = found.start(), data[found.start() + 1]
        if marker == _EOI:
            return
        if marker == _SOI:
            raise Damaged("it is cut: another image begins in it")
        position = _segment_end(data, begin, marker)
        yield marker, data[begin + 4 : position], data[begin:position]
    raise Damaged(CUT)


def _segment_end(data: bytes, begin: int, marker: int) -> int:
    if begin + 4 > len(data):
        raise Damaged(CUT)
    (length,) = struct.unpack_from(">H", data, begin + 2)
    end = int(begin + 2 + length)
    if length < 2 or end > len(data):
        raise Damaged(CUT)
    if marker == _SOS:
        found = _NEXT_MARKER.search(data, end)
        if found is None:
            raise Damaged(CUT)
        return found.start()
    return end

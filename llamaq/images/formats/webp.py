"""WebP: a RIFF file with chunks. Some of Ollama's engines do not read it, so it is always encoded again."""

import struct

from llamaq.images.formats.anatomy import CUT, Anatomy
from llamaq.images.refusal import Damaged


def dissect(data: bytes) -> Anatomy:
    """Check that all chunks are there; find its EXIF block and whether it is lossy."""
    (size,) = struct.unpack_from("<I", data, 4)
    end = 8 + size
    if end > len(data):
        raise Damaged(CUT)
    exif, lossy = b"", False
    position = 12
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : position + 8 + length]
        if position + 8 + length > end:
            raise Damaged(CUT)
        lossy = lossy or kind == b"VP8 " or (kind == b"ANMF" and b"VP8 " in content[16:28])
        exif = content if kind == b"EXIF" else exif
        position += 8 + length + length % 2
    return Anatomy("WEBP", lossy=lossy, exif=exif)

"""BMP: headers, and rows of pixels. The size of the file in its header is not reliable, and is not used."""

import struct

from llamaq.images.formats.anatomy import CUT, Anatomy
from llamaq.images.refusal import Damaged

MAGIC = b"BM"
_PLAIN = (0, 3, 6)  # no compression: the size follows from the width and the height


def dissect(data: bytes) -> Anatomy:
    """Check that all rows of pixels are there."""
    try:
        (offset, header) = struct.unpack_from("<II", data, 10)
        if header == 12:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
            compression = size = 0
        else:
            width, height, _, bits, compression, size = struct.unpack_from("<iiHHII", data, 18)
    except struct.error:
        raise Damaged(CUT) from None
    if compression in _PLAIN:
        size = (width * bits + 31) // 32 * 4 * abs(height)
    if width < 1 or height == 0 or offset < 14 + header:
        raise Damaged("its header is damaged")
    if offset + size > len(data):
        raise Damaged(CUT)
    return Anatomy("BMP")

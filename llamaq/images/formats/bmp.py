"""BMP: headers, and rows of pixels. The size of the file in its header is not reliable, and is not used."""

import struct

from llamaq.images.formats.anatomy import CUT, Anatomy

MAGIC = b"BM"
_PLAIN = (0, 3, 6)  # no compression: the size follows from the width and the height
_PROFILE_HEADER = 124


def dissect(data: bytes) -> Anatomy:
    """Find the end of the pixels, or of the colour profile behind them."""
    try:
        (offset, header) = struct.unpack_from("<II", data, 10)
        if header == 12:
            width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
            compression = size = 0
        else:
            width, height, _, bits, compression, size = struct.unpack_from("<iiHHII", data, 18)
        if compression in _PLAIN:
            size = (width * bits + 31) // 32 * 4 * abs(height)
        end = offset + size
        if header == _PROFILE_HEADER:
            profile_at, profile_size = struct.unpack_from("<II", data, 126)
            end = max(end, 14 + profile_at + profile_size) if profile_size else end
    except struct.error:
        raise ValueError(CUT) from None
    if width < 1 or height == 0 or offset < 14 + header:
        raise ValueError("its header is damaged")
    if end > len(data):
        raise ValueError(CUT)
    return Anatomy("BMP", end)

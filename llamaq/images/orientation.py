"""The orientation of a picture by its EXIF block."""

import struct

UPRIGHT = 1
_ORIENTATION = 0x0112
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def read_orientation(block: bytes) -> int:
    """Read the orientation, from 1 to 8 as in EXIF; `UPRIGHT` where it is missing or the block is damaged."""
    tiff = block.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (table,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, table)
        for entry in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, table + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if UPRIGHT <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT

"""GIF: a screen, and blocks up to the trailer. A model gets only the first frame."""

import re

from llamaq.images.formats.anatomy import CUT, Anatomy
from llamaq.images.refusal import Damaged

MAGICS = (b"GIF87a", b"GIF89a")
_EXTENSION, _FRAME, _TRAILER = 0x21, 0x2C, 0x3B
_BLOCK = re.compile(rb"[!,;]")


def dissect(data: bytes) -> Anatomy:
    """Check that all blocks up to the trailer are there. Bytes between blocks are skipped, as by other readers."""
    try:
        position = 13 + _table_size(data[10])
        while data[position] != _TRAILER:
            if data[position] == _EXTENSION:
                position = _skip_sub_blocks(data, position + 2)
            elif data[position] == _FRAME:
                position = _skip_sub_blocks(data, position + 11 + _table_size(data[position + 9]))
            else:
                found = _BLOCK.search(data, position)
                position = found.start() if found else len(data)
    except IndexError:
        raise Damaged(CUT) from None
    return Anatomy("GIF")


def _table_size(flags: int) -> int:
    """The size of the colour table, by the flags."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_sub_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1

"""PNG: a signature, and chunks that each have a length and a checksum."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from llamaq.images.formats.anatomy import CUT, Anatomy

MAGIC = b"\x89PNG\r\n\x1a\n"
_ONCE = frozenset({b"IHDR", b"PLTE", b"tRNS"})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first column and row, and the steps between them, of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 16


def dissect(data: bytes) -> Anatomy:
    """Keep the chunks of the picture. Text, times, profiles and animation are dropped."""
    kept: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    exif = b""
    chunks = list(_chunks(data))
    for kind, content, _ in chunks:
        if kind in _ONCE:
            if kind in kept:
                raise ValueError(f"it has two {kind.decode()} chunks")
            kept[kind] = content
        elif kind == b"IDAT":
            pixels.append(content)
        elif kind == b"eXIf":
            exif = content
    if b"IHDR" not in kept or not pixels:
        raise ValueError("it has no picture in it")
    heads = [_chunk(kind, kept[kind]) for kind in (b"IHDR", b"PLTE", b"tRNS") if kind in kept]
    bare = b"".join([MAGIC, *heads, *(_chunk(b"IDAT", piece) for piece in pixels), _chunk(b"IEND", b"")])
    return Anatomy("PNG", chunks[-1][2], bare, exif=exif, exact=partial(_exact, kept[b"IHDR"], pixels))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Each chunk's kind, content and end, up to and with IEND."""
    position, kind = len(MAGIC), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise ValueError(CUT)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise ValueError(CUT)
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(data[position + 4 : end - 4]) != checksum:
            raise ValueError("a checksum in it is wrong")
        yield kind, data[position + 8 : end - 4], end
        position = end


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _exact(header: bytes, pixels: list[bytes]) -> bool:
    """Whether the compressed data has exactly the pixels. Other data could be hidden behind them."""
    expected = _inflated_size(header)
    decompressor = zlib.decompressobj()
    size = 0
    try:
        for piece in pixels:
            rest = piece
            while rest and size <= expected:
                size += len(decompressor.decompress(rest, _PIECE))
                rest = decompressor.unconsumed_tail
            if size > expected or decompressor.unused_data:
                return False
        size += len(decompressor.flush())
    except zlib.error as error:
        raise ValueError(f"its compressed data is damaged ({error})") from error
    if size < expected or not decompressor.eof:
        raise ValueError(CUT)
    return True


def _inflated_size(header: bytes) -> int:
    if len(header) != 13:
        raise ValueError("its header is damaged")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS.get(colour, 0)
    if not bits or not width or not height:
        raise ValueError("its header is damaged")
    if not interlaced:
        return _rows(width, height, bits)
    return sum(
        _rows((width - left + right - 1) // right, (height - top + down - 1) // down, bits)
        for left, top, right, down in _PASSES
        if width > left and height > top
    )


def _rows(width: int, height: int, bits: int) -> int:
    return height * (1 + (width * bits + 7) // 8)  # a row begins with a byte for its filter

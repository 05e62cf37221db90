"""PNG: a signature, and chunks that each have a length and a checksum."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from llamaq.images.formats.anatomy import CUT, Anatomy
from llamaq.images.refusal import Damaged

MAGIC = b"\x89PNG\r\n\x1a\n"
_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_APPLE = b"CgBI"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
# The bytes of `tRNS`: the grey or the colour that is transparent. A palette has one for each entry.
_TRANSPARENT = {0: 2, 2: 6}
# Adam7: first column and row, and the steps between them, of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 16


def dissect(data: bytes) -> Anatomy:
    """Keep the chunks of the picture. Text, times, profiles, animation and what is behind the end are removed."""
    kept: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    exif = b""
    for kind, content in _chunks(data):
        if kind == b"IDAT":
            pixels.append(content)
        elif kind == b"eXIf":
            exif = content
        elif kind == _APPLE:
            raise Damaged("it has Apple's form of PNG for apps; save it anew as an ordinary PNG")
        elif kind in _PICTURE:
            if kind in kept:
                raise Damaged(f"it has two {kind.decode()} chunks")
            kept[kind] = content
    if b"IHDR" not in kept or not pixels:
        raise Damaged("it has no picture in it")
    header = kept[b"IHDR"]
    if len(header) != 13:
        raise Damaged("its header is damaged")
    heads = [_chunk(b"IHDR", header), *_colours(header, kept.get(b"PLTE", b""), kept.get(b"tRNS", b""))]
    bare = b"".join([MAGIC, *heads, *(_chunk(b"IDAT", piece) for piece in pixels), _chunk(b"IEND", b"")])
    return Anatomy("PNG", bare, exif=exif, exact=partial(_exact, header, pixels))


def _colours(header: bytes, palette: bytes, transparency: bytes) -> Iterator[bytes]:
    """The palette and the transparency, as long as the picture can use them."""
    depth, colour = header[8], header[9]
    if colour == _PALETTE:
        entries = min(len(palette) // 3, 1 << min(depth, 8))
        if not entries:
            raise Damaged("it has no palette")
        yield _chunk(b"PLTE", palette[: entries * 3])
        if transparency:
            yield _chunk(b"tRNS", transparency[:entries])
    elif transparency and len(transparency) >= _TRANSPARENT.get(colour, len(transparency) + 1):
        yield _chunk(b"tRNS", transparency[: _TRANSPARENT[colour]])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind and content, up to and with IEND."""
    position, kind = len(MAGIC), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise Damaged(CUT)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise Damaged(CUT)
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if kind in _PICTURE and zlib.crc32(data[position + 4 : end - 4]) != checksum:
            raise Damaged("a checksum in it is wrong")
        yield kind, data[position + 8 : end - 4]
        position = end


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _exact(header: bytes, pixels: list[bytes]) -> bool:
    """Whether the compressed data has the pixels alone, with nothing behind them or behind a row of them."""
    expected, alone = _inflated_size(header), True
    decompressor = zlib.decompressobj()
    size = 0
    try:
        for piece in pixels:
            rest = piece
            while rest and size <= expected:
                size += len(decompressor.decompress(rest, _PIECE))
                rest = decompressor.unconsumed_tail
            alone = alone and size <= expected and not decompressor.unused_data
            if not alone:
                break
    except zlib.error as error:
        raise Damaged(f"its compressed data is damaged ({error})") from error
    if size < expected or (alone and not decompressor.eof):
        raise Damaged(CUT)
    return alone and header[10:12] == b"\0\0" and header[12] < 2 and not _has_padding(header)


def _has_padding(header: bytes) -> bool:
    """Whether rows may end with bits of no pixel. Those of interlaced passes are not counted: they nearly always do."""
    width, _, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS[colour]
    return bits < 8 and bool(interlaced or width * bits % 8)


def _inflated_size(header: bytes) -> int:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS.get(colour, 0)
    if not bits or not width or not height:
        raise Damaged("its header is damaged")
    if not interlaced:
        return _rows(width, height, bits)
    return sum(
        _rows((width - left + right - 1) // right, (height - top + down - 1) // down, bits)
        for left, top, right, down in _PASSES
        if width > left and height > top
    )


def _rows(width: int, height: int, bits: int) -> int:
    return height * (1 + (width * bits + 7) // 8)  # a row begins with a byte for its filter

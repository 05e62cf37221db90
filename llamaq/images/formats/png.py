"""PNG: a signature, and chunks that each have a length and a checksum.

It is always encoded again, without loss: compressed data has room beside its pixels, behind them, behind each row, in
the padding of its blocks and in codes that no byte uses.
"""

import struct
import zlib
from collections.abc import Iterator

from llamaq.images.formats.anatomy import CUT, Anatomy
from llamaq.images.refusal import Damaged

MAGIC = b"\x89PNG\r\n\x1a\n"
_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_APPLE = b"CgBI"
_GREY, _COLOUR, _PALETTE = 0, 2, 3
# The bytes of `tRNS`: the grey or the colour that is transparent. A palette has one for each entry.
_TRANSPARENT = {_GREY: 2, _COLOUR: 6}


def dissect(data: bytes) -> Anatomy:
    """Keep the chunks of the picture. Text, times, profiles, animation and what is behind the end are removed."""
    kept: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    exif = b""
    for kind, content in _read_chunks(data):
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
    heads = [_build_chunk(b"IHDR", header), *_colour_chunks(header, kept.get(b"PLTE", b""), kept.get(b"tRNS", b""))]
    bare = b"".join([MAGIC, *heads, *(_build_chunk(b"IDAT", piece) for piece in pixels), _build_chunk(b"IEND", b"")])
    return Anatomy("PNG", bare, exif=exif)


def _colour_chunks(header: bytes, palette: bytes, transparency: bytes) -> Iterator[bytes]:
    """The palette and the transparency, as long as the picture can use them."""
    depth, colour = header[8], header[9]
    if colour == _PALETTE:
        entries = min(len(palette) // 3, 1 << min(depth, 8))
        if not entries:
            raise Damaged("it has no palette")
        yield _build_chunk(b"PLTE", palette[: entries * 3])
        if transparency:
            yield _build_chunk(b"tRNS", transparency[:entries])
    elif transparency and len(transparency) >= _TRANSPARENT.get(colour, len(transparency) + 1):
        yield _build_chunk(b"tRNS", _decode_transparency(transparency[: _TRANSPARENT[colour]], depth, colour))


def _decode_transparency(transparency: bytes, depth: int, colour: int) -> bytes:
    """The transparent grey or colour in the bits of the decoded pixels: Pillow takes it as it stands in the file."""
    most = (1 << min(depth, 16)) - 1
    levels = [level & most for (level,) in struct.iter_unpack(">H", transparency)]  # further bits mean nothing
    if colour == _GREY and depth in (2, 4):
        levels = [level * 255 // most for level in levels]
    elif colour == _COLOUR and depth == 16:
        levels = [level >> 8 for level in levels]
    return struct.pack(f">{len(levels)}H", *levels)


def _read_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Read each chunk's kind and content, up to and with IEND."""
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


def _build_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

"""Image files with what phones and editors put into them, changed at random; and a strict reader of what is sent."""

import io
import zlib
from random import Random
from typing import Any

import PIL.Image
import pillow_heif

from llamaq.images.formats import dissect
from llamaq.images.image import Image
from tests.unit.images.image_factory import (
    SECRET,
    draw_picture,
    insert_segments,
    make_exif,
    make_file,
    make_segment,
    open_file,
)
from tests.unit.images.jpeg_reader import assert_nothing_but_blocks

_WORDS = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xd8\xff\xe0")
_NAMES = (
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"fcTL", b"fdAT", b"acTL", b"iCCP", b"eXIf", b"zTXt", b"gAMA"),
    *(b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xd9", b"\xff\xdd", b"\xff\xe1", b"\xff\xee"),
    *(b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANMF", b"RIFF", b"!\xf9\x04", b",\0\0\0\0", b";", b"BM", b"MPF\0"),
    *(b"meta", b"iloc", b"iinf", b"ipma", b"ispe", b"irot", b"hvcC", b"av1C", b"mdat", b"grid", b"iovl", b"auxl"),
)


def make_samples(form: str) -> list[bytes]:
    """Make good files of one format: of several modes and kinds, with metadata where it has any."""
    how: dict[str, Any] = (
        {"exif": make_exif(6), "icc_profile": SECRET, "xmp": SECRET} if form in ("JPEG", "WEBP", "AVIF") else {}
    )
    if form == "HEIC":
        data, grid = io.BytesIO(), io.BytesIO()
        pillow_heif.from_pillow(draw_picture()).save(data, quality=50, exif=make_exif(6))
        pillow_heif.from_pillow(draw_picture((96, 96))).save(grid, quality=50, tile_size=64)
        return [data.getvalue(), grid.getvalue()]
    made = [make_file(form, **how), _draw_animated(form) if form in ("GIF", "PNG", "WEBP", "AVIF") else make_file(form)]
    if form == "PNG":
        made += [_draw_file(mode, form) for mode in ("1", "P", "L", "LA", "RGBA", "I;16")]
        made.append(_draw_file("P", form, transparency=3))
    if form == "JPEG":
        made += [
            _draw_file("L", form, progressive=True),
            _draw_file("CMYK", form),
            make_file("MPO"),
            make_file(form, keep_rgb=True),
            make_file(form, (61, 47), subsampling=0, restart_marker_blocks=3),
            make_file(form, (61, 47), subsampling=1, qtables="web_low"),
        ]
        made.append(insert_segments(make_file(form), make_segment(0xFE, SECRET), make_segment(0xE2, b"MPF\0" + SECRET)))
    if form == "BMP":
        made += [_draw_file(mode, form) for mode in ("1", "P", "RGBA")]
    if form == "WEBP":
        made += [make_file(form, lossless=True), _draw_file("RGBA", form)]
    return made


def _draw_file(mode: str, form: str, **how: Any) -> bytes:
    data = io.BytesIO()
    draw_picture((40, 36)).convert(mode).save(data, form, **how)
    return data.getvalue()


def _draw_animated(form: str) -> bytes:
    data = io.BytesIO()
    draw_picture((33, 40)).save(
        data, form, save_all=True, append_images=[draw_picture((33, 40)), draw_picture((33, 40))]
    )
    return data.getvalue()


def change_bytes(data: bytes, others: list[bytes], draw: Random) -> bytes:
    """Change, cut out, double or move some bytes of a file, or replace them by those of another file."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(made) + 1) if draw.random() < 0.6 else draw.randrange(min(len(made), 120) + 1)
        end = min(len(made), at + int(2 ** draw.uniform(0, 9)))
        match draw.randrange(8):
            case 0:
                made[at : at + 1] = draw.randbytes(1)
            case 1:
                made[at:end] = draw.randbytes(end - at)
            case 2:
                del made[at:end]
            case 3:
                made[at:at] = made[at:end]
            case 4:
                word = draw.choice(_WORDS)
                made[at : at + len(word)] = word
            case 5:
                name = draw.choice(_NAMES)
                made[at : at + len(name)] = name
            case 6:
                other = draw.choice(others)
                start = draw.randrange(len(other))
                made[at:end] = other[start : start + end - at]
            case _:
                made = made[: draw.randrange(len(made) + 1)] if draw.random() < 0.2 else made + draw.randbytes(9)
    return _fix_checksums(bytes(made)) if draw.random() < 0.7 else bytes(made)


def _fix_checksums(data: bytes) -> bytes:
    """Give the chunks of a PNG the right checksums, so that what is in them is read; any other file stays as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    made, position = bytearray(data), 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4])
        if end + 4 > len(data):
            break
        made[end : end + 4] = zlib.crc32(data[position + 4 : end]).to_bytes(4)
        position = end + 4
    return bytes(made)


def assert_nothing_but_pixels(image: Image) -> None:
    """It opens in Pillow, has a size that models take, and no part that is none of the picture."""
    made = open_file(image.data)
    anatomy = dissect(image.data)
    assert anatomy is not None
    assert anatomy.bare == image.data, "there is still something to remove"
    assert min(made.size) >= 28
    assert max(made.size) <= 201 * min(made.size)
    if made.mode == "P":
        assert _read_used_palette(made) == made.getpalette()
    assert {"exif", "icc_profile", "xmp", "comment", "dpi"}.isdisjoint(made.info)
    if made.format == "PNG":
        _assert_png(image.data)
    else:
        assert made.format == "JPEG"
        assert_nothing_but_blocks(image.data)


def _read_used_palette(image: PIL.Image.Image) -> list[int]:
    used, palette = image.histogram(), image.getpalette() or []
    return [value if used[index // 3] else 0 for index, value in enumerate(palette)]


def _assert_png(data: bytes) -> None:
    position = 8
    kinds: list[bytes] = []
    content: dict[bytes, bytes] = {}
    while position < len(data):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        kinds.append(kind)
        content[kind] = content.get(kind, b"") + data[position + 8 : position + 8 + length]
        position += 12 + length
    assert position == len(data)
    assert set(kinds) <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
    assert kinds.count(b"IEND") == 1
    assert kinds[-1] == b"IEND"
    assert (len(content[b"IHDR"]), content[b"IEND"]) == (13, b"")
    assert len(content.get(b"PLTE", b"")) <= 768
    assert len(content.get(b"tRNS", b"")) <= 256
    decompressor = zlib.decompressobj()
    rows = len(decompressor.decompress(content[b"IDAT"]))
    assert decompressor.eof
    assert not decompressor.unused_data
    height = int.from_bytes(content[b"IHDR"][4:8])
    if not content[b"IHDR"][12]:
        assert rows % height == 0

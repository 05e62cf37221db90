"""A PNG of each kind is encoded again without a loss: its colours and what is transparent in it are the same."""

import struct
import zlib
from random import Random
from typing import NamedTuple

import pytest

from llamaq import Limits
from llamaq.images import loading
from tests.unit.images.image_factory import make_chunk, open_file

EDGE = 32
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
]
Pixel = tuple[int, int, int, int]


class Kind(NamedTuple):
    """A colour type of PNG, and the bits of a sample."""

    colour: int
    depth: int

    def samples(self, row: bytes) -> list[int]:
        """The numbers of a row."""
        whole = int.from_bytes(row)
        return [whole >> at & (1 << self.depth) - 1 for at in range(len(row) * 8 - self.depth, -1, -self.depth)]

    def shade(self, sample: int) -> int:
        """A sample in eight bits."""
        return sample >> 8 if self.depth == 16 else sample * 255 // ((1 << self.depth) - 1)

    def pixel(self, parts: list[int], palette: bytes, transparency: bytes) -> Pixel:
        """A pixel as the specification of PNG has it."""
        if self.colour == 3:
            red, green, blue = palette[parts[0] * 3 : parts[0] * 3 + 3]
            return red, green, blue, transparency[parts[0]] if transparency else 255
        shades = [self.shade(part) for part in parts]
        opacity = shades.pop() if self.colour >= 4 else 255
        if transparency and parts == [
            level & (1 << self.depth) - 1 for (level,) in struct.iter_unpack(">H", transparency)
        ]:
            opacity = 0
        red, green, blue = shades if len(shades) == 3 else shades * 3
        return red, green, blue, opacity


def _shown(pixels: list[Pixel]) -> list[Pixel]:
    return [pixel if pixel[3] else (0, 0, 0, 0) for pixel in pixels]


def _read(data: bytes) -> list[Pixel]:
    image = open_file(data)
    clear = image.info.get("transparency")
    if image.mode == "1":  # Pillow's versions differ in what they compare the bit with
        bit = None if clear is None else min(clear, 1)
        return [(level, level, level, 0 if level // 255 == bit else 255) for level in image.convert("L").tobytes()]
    if image.mode != "I;16":
        raw = image.convert("RGBA").tobytes()
        return [(raw[at], raw[at + 1], raw[at + 2], raw[at + 3]) for at in range(0, len(raw), 4)]
    levels = [level for (level,) in struct.iter_unpack("<H", image.tobytes())]
    return [(level >> 8, level >> 8, level >> 8, 0 if level == clear else 255) for level in levels]


@pytest.mark.parametrize("further_bits", [0, 0x4000])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_its_colours_stay(colour: int, depth: int, further_bits: int, *, transparent: bool) -> None:
    """Compared with a reader of our own: Pillow takes a transparent grey of two bits for one of eight."""
    kind, chance = Kind(colour, depth), Random(depth)
    channels = CHANNELS[colour]
    rows = [chance.randbytes(EDGE * channels * depth // 8) for _ in range(EDGE)]
    palette = chance.randbytes(3 << depth) if colour == 3 else b""
    transparency = b""
    if transparent and colour < 3:
        further = further_bits if depth < 16 else 0
        transparency = b"".join((level | further).to_bytes(2) for level in kind.samples(rows[0])[:channels])
    elif transparent and colour == 3:
        transparency = chance.randbytes(1 << depth)
    parts = [make_chunk(b"IHDR", struct.pack(">IIBBBBB", EDGE, EDGE, depth, colour, 0, 0, 0))]
    parts += [make_chunk(name, content) for name, content in ((b"PLTE", palette), (b"tRNS", transparency)) if content]
    parts += [make_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), make_chunk(b"IEND", b"")]
    samples = [sample for row in rows for sample in kind.samples(row)]
    meant = [kind.pixel(samples[at : at + channels], palette, transparency) for at in range(0, len(samples), channels)]

    stored = loading.load(b"\x89PNG\r\n\x1a\n" + b"".join(parts), Limits()).data

    assert _shown(_read(stored)) == _shown(meant)
    assert b"tRNS\0\xff" not in stored or depth > 1, "it has one bit"
    assert loading.load(stored, Limits()).data == stored

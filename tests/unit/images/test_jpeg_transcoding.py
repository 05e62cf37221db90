"""A JPEG is encoded again, so that nothing travels in its coded data or its tables, and hardly a pixel changes."""

import io
from collections.abc import Callable

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from tests.unit.images.image_factory import SECRET, draw_picture, insert_segments, make_file, make_segment, open_file
from tests.unit.images.jpeg_reader import assert_nothing_but_blocks

PLAIN = make_file("JPEG")
RESTARTING = make_file("JPEG", restart_marker_blocks=2)
PROGRESSIVE = make_file("JPEG", progressive=True)
PADDED = next(data for data in (make_file("JPEG") for _ in range(99)) if data[-3] & 7 == 3)
GREY = io.BytesIO()
draw_picture().convert("L").save(GREY, "JPEG")
STANDARD = {quality: make_file("JPEG", quality=quality) for quality in (1, 30, 75, 90, 95, 100)}
_SCAN, _END = b"\xff\xda", b"\xff\xd9"


def coded(data: bytes) -> int:
    """Where the coded data of the first scan begins."""
    start = data.index(_SCAN)
    return start + 2 + int.from_bytes(data[start + 2 : start + 4])


def behind_each_scan(data: bytes, hidden: bytes) -> bytes:
    """The file with more bytes behind the last block of each of its scans."""
    parts = data.removesuffix(_END).split(_SCAN)
    made = [parts[0]]
    for part in parts[1:]:
        tables = part.find(b"\xff\xc4")
        cut = tables if tables > 0 else len(part)
        made.append(part[:cut] + hidden + part[cut:])
    return _SCAN.join(made) + _END


def with_restarts(data: bytes, hidden: bytes, behind: bytes) -> bytes:
    """The file with more bytes before each restart, and behind the last one's block."""
    start = coded(data)
    scan = data[start:-2]
    for number in range(8):
        scan = scan.replace(bytes([0xFF, 0xD0 + number]), hidden + bytes([0xFF, 0xD0 + number]))
    return data[:start] + scan + behind + data[-2:]


def with_padding(data: bytes) -> bytes:
    """The file with zeros in place of the ones behind its last block, whose code for an end has zeros."""
    last = data[-3]
    padding = last & ~(last + 1)
    assert padding, "there is no padding in it"
    return data[:-3] + bytes([last & ~padding]) + data[-2:]


def with_symbols(data: bytes) -> bytes:
    """The file with other symbols for codes that no block uses, in its table of the colours' first coefficients."""
    start = data.index(b"\xff\xc4\x00\x1f\x01")
    table = bytearray(data[start : start + 33])
    table[-2:] = b"\x0b\x0a"
    return data[:start] + bytes(table) + data[start + 33 :]


HIDDEN_BITS = SECRET.replace(b"\xff", b"") + b"\xff\0" + SECRET
TABLE = bytes(64 - len(SECRET)) + SECRET
CODES = b"\x00\x01" + bytes(14) + b"\x2a"
HIDING: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "behind the last block": lambda: (PLAIN[:-2] + HIDDEN_BITS + _END, PLAIN),
    "behind the last block of a grey picture": lambda: (
        GREY.getvalue()[:-2] + HIDDEN_BITS + _END,
        GREY.getvalue(),
    ),
    "behind the last block of each scan": lambda: (behind_each_scan(PROGRESSIVE, HIDDEN_BITS), PROGRESSIVE),
    "before each restart": lambda: (with_restarts(RESTARTING, HIDDEN_BITS, b""), RESTARTING),
    "behind the last restart": lambda: (with_restarts(RESTARTING, b"", HIDDEN_BITS), RESTARTING),
    "behind a restart that was not announced": lambda: (PLAIN[:-2] + b"\xff\xd0" + HIDDEN_BITS + _END, PLAIN),
    "behind a restart with an interval of none": lambda: (
        insert_segments(PLAIN[:-2] + b"\xff\xd5" + HIDDEN_BITS + _END, make_segment(0xDD, b"\0\0")),
        PLAIN,
    ),
    "behind the interval of restarts": lambda: (insert_segments(PLAIN, make_segment(0xDD, b"\0\0")), PLAIN),
    "in the bits of padding": lambda: (with_padding(PADDED), PADDED),
    "in steps that no plane uses": lambda: (insert_segments(PLAIN, make_segment(0xDB, b"\2" + TABLE)), PLAIN),
    "in finer steps that no plane uses": lambda: (
        insert_segments(PLAIN, make_segment(0xDB, b"\x13" + TABLE * 2)),
        PLAIN,
    ),
    "in steps that are replaced": lambda: (insert_segments(PLAIN, make_segment(0xDB, b"\0" + TABLE)), PLAIN),
    "in codes that no plane uses": lambda: (insert_segments(PLAIN, make_segment(0xC4, b"\3" + CODES)), PLAIN),
    "in codes that no block uses": lambda: (with_symbols(STANDARD[1]), STANDARD[1]),
    "in fill bytes": lambda: (PLAIN.replace(b"\xff\xc0", b"\xff" * 37 + b"\xc0"), PLAIN),
    "in a thumbnail": lambda: (
        PLAIN[:2] + make_segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\4\3" + (SECRET * 2)[:36]) + PLAIN[20:],
        PLAIN,
    ),
    "in a comment behind the scan": lambda: (PLAIN[:-2] + make_segment(0xFE, SECRET) + _END, PLAIN),
    "in the number of lines behind the scan": lambda: (PLAIN[:-2] + make_segment(0xDC, b"\0\x30") + _END, PLAIN),
    "in a second image": lambda: (PLAIN + make_file("JPEG", quality=40), PLAIN),
}


@pytest.mark.parametrize("where", HIDING)
def test_nothing_is_hidden_in_a_jpeg(where: str) -> None:
    """What is sent is the same, byte for byte, as for the file without it."""
    hiding, plain = HIDING[where]()
    given = open_file(plain)

    stored = loading.load(hiding, Limits()).data

    assert stored == loading.load(plain, Limits()).data
    assert_nothing_but_blocks(stored)
    assert (open_file(stored).size, open_file(stored).mode) == (given.size, given.mode)


def test_names_of_planes_are_no_place_for_data() -> None:
    """Three bytes that decoders only compare."""
    at = PLAIN.index(b"\xff\xc0")
    named, scan = bytearray(PLAIN), coded(PLAIN)
    for names in (slice(at + 10, at + 19, 3), slice(scan - 9, scan - 3, 2)):
        assert named[names] == b"\1\2\3"
        named[names] = b"abc"
    assert open_file(bytes(named)).tobytes() == open_file(PLAIN).tobytes()

    assert loading.load(named, Limits()).data == loading.load(PLAIN, Limits()).data


def test_steps_are_the_encoders_own() -> None:
    """A table of steps has numbers for coefficients that no block has, and tells which program wrote the file."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (64, 48), (90, 120, 150)).save(file, "JPEG")
    given = file.getvalue()
    for table in (b"\0", b"\1"):
        at = given.index(b"\xff\xdb\0\x43" + table)
        given = given[: at + 6] + (SECRET * 2)[:63] + given[at + 69 :]
    assert (open_file(given).getpixel((5, 5)), given.count(SECRET)) == (open_file(file.getvalue()).getpixel((5, 5)), 2)

    stored = loading.load(given, Limits()).data

    assert_nothing_but_blocks(stored)
    assert SECRET[:9] not in stored
    assert max(abs(a - b) for a, b in zip(open_file(stored).tobytes(), open_file(given).tobytes(), strict=True)) < 3


def photo(size: tuple[int, int], mode: str) -> PIL.Image.Image:
    """Shapes and shades, as in a photo, with no colour at the ends of the scale."""
    bands = [PIL.Image.effect_noise((9, 7), 60).resize(size, PIL.Image.Resampling.BICUBIC) for _ in range(3)]
    return PIL.Image.merge("RGB", bands).point(lambda value: 40 + value * 0.7).convert(mode)


@pytest.mark.parametrize("quality", [40, 75, 92])
@pytest.mark.parametrize("size", [(64, 48), (61, 47), (33, 95)])
@pytest.mark.parametrize(("mode", "subsampling"), [("L", -1), ("RGB", 0), ("RGB", 2)])
def test_hardly_a_pixel_changes(mode: str, subsampling: int, size: tuple[int, int], quality: int) -> None:
    """Its planes are decoded as they are, and get the steps that they had: their numbers come out the same."""
    file = io.BytesIO()
    photo(size, mode).save(file, "JPEG", quality=quality, subsampling=subsampling)

    stored = loading.load(file.getvalue(), Limits()).data

    assert_nothing_but_blocks(stored)
    given, made = open_file(file.getvalue()).tobytes(), open_file(stored).tobytes()
    # Blocks that stand out over an edge have numbers for pixels that are not in the picture.
    most = 0.02 if size == (64, 48) else 0.4
    assert sum(abs(a - b) for a, b in zip(given, made, strict=True)) / len(given) < most
    assert len(stored) < 1.05 * len(file.getvalue())


@given(st.sampled_from(sorted(STANDARD)), st.sampled_from([0, 1, 2]))
def test_quality_and_subsampling_stay(quality: int, subsampling: int) -> None:
    """Neither is the file larger without a need, nor the picture coarser."""
    given = make_file("JPEG", quality=quality, subsampling=subsampling)

    stored = loading.load(given, Limits()).data

    for marker, length in ((b"\xff\xdb\0\x43\0", 69), (b"\xff\xdb\0\x43\1", 69), (b"\xff\xc0", 19)):
        at = given.index(marker)
        assert given[at : at + length] in stored


def _planes(sampling: tuple[int, ...]) -> bytes:
    """A file whose frame says another sampling; its pixels are noise, which decoders take."""
    data = bytearray(make_file("JPEG", (96, 96), subsampling=0))
    at = data.index(b"\xff\xc0")
    data[at + 11 : at + 19 : 3] = bytes(sampling)
    return bytes(data)


def _inks() -> bytes:
    file = io.BytesIO()
    draw_picture().convert("CMYK").save(file, "JPEG")
    return file.getvalue()


UNUSUAL: dict[str, Callable[[], bytes]] = {
    "red, green and blue": lambda: make_file("JPEG", keep_rgb=True),
    "red, green and blue in 4:2:0": lambda: insert_segments(
        make_file("JPEG", subsampling=2)[20:].join([b"\xff\xd8", b""]), make_segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    ),
    "4:1:1": lambda: _planes((0x41, 0x11, 0x11)),
    "4:4:0": lambda: _planes((0x12, 0x11, 0x11)),
    "one sampling of all, above 1": lambda: _planes((0x12, 0x12, 0x12)),
    "colours finer than brightness": lambda: _planes((0x11, 0x22, 0x22)),
    "arithmetic codes": lambda: PLAIN.replace(b"\xff\xc0", b"\xff\xc9", 1),
    "four inks": _inks,
    "progressive": lambda: PROGRESSIVE,
    "steps of another program": lambda: make_file("JPEG", qtables="web_high"),
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_unusual_jpegs_are_taken(what: str) -> None:
    """They are encoded again as what every engine reads, and look the same."""
    given = UNUSUAL[what]()

    stored = loading.load(given, Limits()).data

    assert_nothing_but_blocks(stored)
    expected = open_file(given).convert("RGB")
    assert open_file(stored).size == expected.size
    made = open_file(stored).convert("RGB").tobytes()
    assert sum(abs(a - b) for a, b in zip(expected.tobytes(), made, strict=True)) / len(made) < 6


def test_a_jpeg_without_its_steps_is_refused() -> None:
    """And one of twelve bits, which no engine reads, and one with less planes than it says."""
    start = PLAIN.index(b"\xff\xdb")
    bare = PLAIN[:start] + PLAIN[PLAIN.index(b"\xff\xc0") :]
    at = PLAIN.index(b"\xff\xc0")
    deep = PLAIN[: at + 4] + b"\x0c" + PLAIN[at + 5 :]
    cut = PLAIN[: at + 3] + b"\x0b" + PLAIN[at + 4 : at + 13] + PLAIN[at + 19 :]
    for data in (bare, deep, cut):
        with pytest.raises(InvalidRequest, match="images: a damaged image"):
            loading.load(data, Limits())

"""A strict reader of baseline JPEGs: it takes none that holds anything but the blocks of its picture."""

import io
from dataclasses import dataclass

import PIL.Image

_HUFFMAN, _STEPS, _FRAME, _SCAN, _JFIF = 0xC4, 0xDB, 0xC0, 0xDA, 0xE0


def assert_nothing_but_blocks(data: bytes) -> None:
    """Whether each byte of the file is the encoder's own, or of a block's coefficients."""
    segments, coded = _segments(data)
    markers = [marker for marker, _ in segments]
    assert set(markers) == {_JFIF, _STEPS, _FRAME, _HUFFMAN, _SCAN}
    assert (markers.count(_JFIF), markers.count(_FRAME), markers.count(_SCAN)) == (1, 1, 1)
    frame = next(content for marker, content in segments if marker == _FRAME)
    own = _encoders_own(frame[5])
    # All but the steps and the frame is what the encoder always writes; the steps are those of one of its qualities.
    assert [each for each in segments if each[0] not in (_STEPS, _FRAME)] == own.fixed
    assert [content for marker, content in segments if marker == _STEPS] in own.steps
    assert (frame[0], frame[6::3], frame[8::3]) == (8, bytes(range(1, frame[5] + 1)), bytes([0, 1, 1][: frame[5]]))
    assert set(frame[10::3]) <= {0x11}
    _walk(coded, frame, own.fixed)


@dataclass(frozen=True)
class _Own:
    """What Pillow writes of every picture with so many planes, and the tables of steps of each quality."""

    fixed: list[tuple[int, bytes]]
    steps: list[list[bytes]]


_KNOWN: dict[int, _Own] = {}


def _encoders_own(planes: int) -> _Own:
    if planes not in _KNOWN:
        image = PIL.Image.new("L" if planes == 1 else "RGB", (8, 8))
        steps, fixed = [], []
        for quality in range(1, 101):
            file = io.BytesIO()
            image.save(file, "JPEG", quality=quality)
            segments, _ = _segments(file.getvalue())
            steps.append([content for marker, content in segments if marker == _STEPS])
            fixed = [each for each in segments if each[0] not in (_STEPS, _FRAME)]
        _KNOWN[planes] = _Own(fixed, steps)
    return _KNOWN[planes]


def _segments(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    assert data[:2] == b"\xff\xd8"
    assert data[-2:] == b"\xff\xd9"
    position = 2
    segments: list[tuple[int, bytes]] = []
    while not segments or segments[-1][0] != _SCAN:
        assert data[position] == 0xFF
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        segments.append((data[position + 1], data[position + 4 : end]))
        position = end
    coded = data[position:-2].replace(b"\xff\0", b"\xff\1")
    assert coded.count(b"\xff") == coded.count(b"\xff\1"), "a marker in the coded data"
    return segments, coded.replace(b"\xff\1", b"\xff")


def _codes(segments: list[tuple[int, bytes]]) -> dict[int, dict[str, int]]:
    """The symbol of each code, by the number of the table."""
    found: dict[int, dict[str, int]] = {}
    for marker, content in segments:
        if marker != _HUFFMAN:
            continue
        code, at, table = 0, 17, found.setdefault(content[0], {})
        for length in range(1, 17):
            for _ in range(content[length]):
                table[f"{code:0{length}b}"] = content[at]
                code, at = code + 1, at + 1
            code <<= 1
    return found


def _walk(coded: bytes, frame: bytes, segments: list[tuple[int, bytes]]) -> None:
    """Read every block; behind the last one are less than eight bits, all of them ones."""
    bits = "".join(f"{byte:08b}" for byte in coded)
    tables = _codes(segments)
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    sampling = [(byte >> 4, byte & 15) for byte in frame[7::3]]
    if len(sampling) == 1:
        sampling = [(1, 1)]
    across, down = (max(each[axis] for each in sampling) * 8 for axis in (0, 1))
    unit = [min(plane, 1) for plane, (h, v) in enumerate(sampling) for _ in range(h * v)]
    position = 0
    for _ in range(-(-width // across) * -(-height // down)):
        for table in unit:
            position = _block(bits, position, tables[table], tables[0x10 + table])
    rest = bits[position:]
    assert len(rest) < 8, "data behind the last block"
    assert set(rest) <= {"1"}, "bits of no block"


def _block(bits: str, position: int, first: dict[str, int], others: dict[str, int]) -> int:
    size, position = _symbol(bits, position, first)
    position += size
    coefficient = 1
    while coefficient < 64:
        symbol, position = _symbol(bits, position, others)
        if not symbol:
            break
        coefficient += (symbol >> 4) + 1
        position += symbol & 15
    assert coefficient <= 64
    return position


def _symbol(bits: str, position: int, table: dict[str, int]) -> tuple[int, int]:
    for end in range(position + 1, position + 17):
        symbol = table.get(bits[position:end])
        if symbol is not None:
            return symbol, end
    raise AssertionError("a code of no table")

"""Pictures for tests, and what cameras, scanners and attackers put into their files."""

import io
import struct
import zlib
from typing import Any

import PIL.Image

SECRET = b"52.5163N 13.3777E patient Jane Roe"


def draw_picture(size: tuple[int, int] = (64, 48), mode: str = "RGB") -> PIL.Image.Image:
    """Draw a picture with something in it, so that no part of its data can be missing unnoticed."""
    return PIL.Image.effect_noise(size, 80).convert(mode)


def make_file(form: str = "PNG", size: tuple[int, int] = (64, 48), **how: Any) -> bytes:
    """Make the file of such a picture."""
    data = io.BytesIO()
    draw_picture(size).save(data, form, **how)
    return data.getvalue()


def open_file(data: bytes) -> PIL.Image.Image:
    """Decode the picture of a file."""
    image = PIL.Image.open(io.BytesIO(data))
    image.load()
    return image


def make_exif(orientation: int = 1) -> bytes:
    """Make an EXIF block with an orientation, a place and a camera's owner."""
    block = PIL.Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    block.get_ifd(0x8825)[29] = SECRET.decode()
    return block.tobytes()


def make_chunk(kind: bytes, content: bytes) -> bytes:
    """Make one chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def insert_chunks(data: bytes, *chunks: bytes) -> bytes:
    """Insert chunks into a PNG, behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def make_segment(marker: int, content: bytes) -> bytes:
    """Make one segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def insert_segments(data: bytes, *segments: bytes) -> bytes:
    """Insert segments into a JPEG, behind its start."""
    return data[:2] + b"".join(segments) + data[2:]


def make_bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims so many pixels."""
    head = make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + make_chunk(b"IDAT", zlib.compress(bytes(64))) + make_chunk(b"IEND", b"")

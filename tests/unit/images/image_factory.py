"""Pictures for tests, and what cameras, scanners and attackers put into their files."""

import io
import struct
import zlib
from typing import Any

import PIL.Image

SECRET = b"52.5163N 13.3777E patient Jane Roe"


def drawn(size: tuple[int, int] = (64, 48), mode: str = "RGB") -> PIL.Image.Image:
    """A picture with something in it, so that no part of its data can be missing unnoticed."""
    return PIL.Image.effect_noise(size, 80).convert(mode)


def picture(form: str = "PNG", size: tuple[int, int] = (64, 48), **how: Any) -> bytes:
    """The file of such a picture."""
    data = io.BytesIO()
    drawn(size).save(data, form, **how)
    return data.getvalue()


def opened(data: bytes) -> PIL.Image.Image:
    """The picture of a file, decoded."""
    image = PIL.Image.open(io.BytesIO(data))
    image.load()
    return image


def exif(orientation: int = 1) -> bytes:
    """An EXIF block with an orientation, a place and a camera's owner."""
    block = PIL.Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    block.get_ifd(0x8825)[29] = SECRET.decode()
    return block.tobytes()


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def into_png(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def segment(marker: int, content: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def into_jpeg(data: bytes, *segments: bytes) -> bytes:
    """A JPEG with more segments behind its start."""
    return data[:2] + b"".join(segments) + data[2:]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims so many pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")

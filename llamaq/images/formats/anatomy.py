"""The parts of an image's file."""

from collections.abc import Callable
from dataclasses import dataclass

CUT = "it is cut: the file ends before the image does"


def nothing_more() -> None:
    """Verify nothing, where decoding finds every damage."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of one image's file.

    Attributes:
        form: its format, one of `FORMATS`.
        end: where the image ends; further bytes are not part of it.
        bare: the file without the parts that are not the picture; None where the image must be encoded again.
        lossy: whether its encoding is lossy.
        exif: its EXIF block, or nothing.
        extras: the parts that are not the picture.
        verify: checks what needs decompression, and raises ValueError. Call it once the size is within the limit.
    """

    form: str
    end: int
    bare: bytes | None = None
    lossy: bool = False
    exif: bytes = b""
    extras: tuple[bytes, ...] = ()
    verify: Callable[[], None] = nothing_more

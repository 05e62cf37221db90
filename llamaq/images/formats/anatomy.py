"""The parts of an image's file."""

from collections.abc import Callable
from dataclasses import dataclass

CUT = "it is cut: the file ends before the image does"


def never() -> bool:
    """The answer for a format that is always encoded again."""
    return False


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of one image's file.

    Attributes:
        form: its format, as Pillow calls it.
        bare: the file without the parts that are not the picture, for the decoder; None where it gets the whole file.
        lossy: whether its encoding is lossy.
        exif: its EXIF block, or nothing.
        exact: whether `bare` has the picture alone and every engine reads it, so that it can be sent. The check needs
            decompression and raises `Damaged`. Call it once the size is within the limit.
    """

    form: str
    bare: bytes | None = None
    lossy: bool = False
    exif: bytes = b""
    exact: Callable[[], bool] = never

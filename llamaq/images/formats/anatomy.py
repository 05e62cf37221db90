"""The parts of an image's file."""

from collections.abc import Callable
from dataclasses import dataclass

CUT = "it is cut: the file ends before the image does"


def always() -> bool:
    """The answer where the parts that were kept need no decompression to be checked."""
    return True


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of one image's file.

    Attributes:
        form: its format, as Pillow calls it.
        bare: the file without the parts that are not the picture; None where the image must be encoded again.
        lossy: whether its encoding is lossy.
        exif: its EXIF block, or nothing.
        exact: whether `bare` has the picture alone and every engine reads it, by a check that needs decompression. It
            raises `Damaged`. Call it once the size is within the limit.
    """

    form: str
    bare: bytes | None = None
    lossy: bool = False
    exif: bytes = b""
    exact: Callable[[], bool] = always

"""The parts of an image's file."""

from collections.abc import Callable
from dataclasses import dataclass

CUT = "it is cut: the file ends before the image does"


def always_exact() -> bool:
    """True, where decoding finds every damage."""
    return True


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of one image's file.

    Attributes:
        form: its format, one of `FORMATS`.
        end: where the image ends; further bytes are not part of it.
        bare: the file without the parts that are not the picture; None where the image must be encoded again.
        lossy: whether its encoding is lossy.
        exif: its EXIF block, or nothing.
        exact: whether the compressed data has the pixels and nothing else. It decompresses, so call it once the size is
            within the limit. It raises ValueError where the data is damaged.
    """

    form: str
    end: int
    bare: bytes | None = None
    lossy: bool = False
    exif: bytes = b""
    exact: Callable[[], bool] = always_exact

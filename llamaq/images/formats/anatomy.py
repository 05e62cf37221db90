"""What a dissected file shows."""

from collections.abc import Callable
from dataclasses import dataclass

CUT = "it is cut: the file ends before the image does"


def nothing_more() -> None:
    """There is nothing to verify beyond what decoding does."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of one image's file.

    Attributes:
        form: which of `FORMATS` it is.
        end: where the image ends; what lies behind is not part of it.
        bare: the same image without anything that is not needed to show it; None where it must be encoded anew.
        lossy: whether its encoding gave detail up already.
        exif: its EXIF block, or nothing.
        extras: the parts that are not the picture, as they stand in the file.
        verify: looks at what only decoding can tell, to be called once the size is known to be bearable; raises
            ValueError.
    """

    form: str
    end: int
    bare: bytes | None = None
    lossy: bool = False
    exif: bytes = b""
    extras: tuple[bytes, ...] = ()
    verify: Callable[[], None] = nothing_more

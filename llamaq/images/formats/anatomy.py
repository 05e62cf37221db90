"""The parts of an image's file."""

from dataclasses import dataclass

CUT = "it is cut: the file ends before the image does"


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of one image's file.

    Attributes:
        form: its format, as Pillow calls it.
        bare: the file without the parts that are not the picture, for the decoder; None where it gets the whole file.
        lossy: whether its encoding is lossy.
        exif: its EXIF block, or nothing.
    """

    form: str
    bare: bytes | None = None
    lossy: bool = False
    exif: bytes = b""

"""The file formats of images, parsed without decoding a pixel."""

from llamaq.images.formats import bmp, gif, jpeg, png, webp
from llamaq.images.formats.anatomy import Anatomy

__all__ = ["FORMATS", "Anatomy", "dissect"]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


def dissect(data: bytes) -> Anatomy | None:
    """The parts of an image's file, whose first bytes tell the format; None when it is in none of `FORMATS`.

    Raises:
        ValueError: it is truncated or damaged.
    """
    if data.startswith(png.MAGIC):
        return png.dissect(data)
    if data.startswith(jpeg.MAGIC):
        return jpeg.dissect(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.dissect(data)
    if data[:6] in gif.MAGICS:
        return gif.dissect(data)
    if data[:2] == bmp.MAGIC:
        return bmp.dissect(data)
    return None

"""The file formats of images, parsed without decoding a pixel."""

from llamaq.images.formats import bmp, gif, heif, jpeg, png, webp
from llamaq.images.formats.anatomy import Anatomy

__all__ = ["FORMATS", "Anatomy", "dissect"]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
"""Those that are always read. AVIF and HEIF need a decoder that not every installation has."""


def dissect(data: bytes) -> Anatomy | None:
    """The parts of an image's file, whose first bytes tell the format; None where they are those of no image.

    Raises:
        Damaged: it is truncated, or contradicts its format.
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
    return heif.dissect(data)

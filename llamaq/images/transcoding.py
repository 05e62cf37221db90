"""A JPEG encoded again as it was: by its own planes, quality and subsampling, so that hardly a number of it changes.

Its colours are not converted on the way, and 4:2:0's are taken at half the size, where the decoder does not interpolate
them. So the encoder gets the numbers that the first one had, but for their rounding.
"""

import io
from functools import cache
from typing import cast

import PIL.Image
from PIL.Image import Resampling
from PIL.JpegImagePlugin import JpegImageFile

from llamaq.images import decoding
from llamaq.images.formats import Anatomy

_HALVED = 2
"""4:2:0, as Pillow numbers it."""
# By the factors of each plane, across and down. Grey has no colours to be sampled.
_SUBSAMPLINGS: dict[tuple[tuple[int, int], ...], int] = {
    ((1, 1), (1, 1), (1, 1)): 0,
    ((2, 1), (1, 1), (1, 1)): 1,
    ((2, 2), (1, 1), (1, 1)): _HALVED,
}
_Steps = tuple[int, ...]


def transcode(anatomy: Anatomy) -> bytes | None:
    """Encode the same picture again; None where the encoder cannot make such quantisation steps or such a subsampling.

    Steps of another kind are not taken over: what they say of coefficients that no block has is no pixel's.

    Raises:
        Refused: it is damaged.
    """
    image = _open_jpeg(anatomy)
    quality = _find_quality(image)
    subsampling = 0 if image.mode == "L" else _SUBSAMPLINGS.get(tuple(layer[1:3] for layer in image.layer))
    if quality is None or subsampling is None or _is_rgb(image):
        return None
    planes = _read_planes(image, _open_jpeg(anatomy) if subsampling == _HALVED else None)
    made = io.BytesIO()
    planes.info = {}
    planes.save(made, "JPEG", quality=quality, subsampling=subsampling)
    return made.getvalue()


def _open_jpeg(anatomy: Anatomy) -> JpegImageFile:
    return cast("JpegImageFile", decoding.open_image(anatomy, b""))


def _read_planes(image: JpegImageFile, again: JpegImageFile | None) -> PIL.Image.Image:
    """Read brightness and two colours, in the size of the picture."""
    with decoding.translate_errors():
        image.draft("YCbCr", image.size)
        image.load()
        if again is None:
            return image
        again.draft("YCbCr", (image.width // 2, image.height // 2))
        again.load()
    brightness, box = image.getchannel("Y"), (0, 0, image.width / 2, image.height / 2)
    image.close()  # which frees the memory of its pixels before as much is taken again
    colours = [again.getchannel(band).resize(brightness.size, Resampling.NEAREST, box) for band in ("Cb", "Cr")]
    return PIL.Image.merge("YCbCr", [brightness, *colours])


def _is_rgb(image: JpegImageFile) -> bool:
    """Whether its planes are red, green and blue, by the rule of libjpeg."""
    if "jfif" in image.info:
        return False
    if "adobe" in image.info:
        return image.info.get("adobe_transform") == 0
    return bytes(layer[0] for layer in image.layer) == b"RGB"


def _find_quality(image: JpegImageFile) -> int | None:
    """Find the quality at which the encoder has the same steps of quantisation, from 1 to 100."""
    steps = tuple(tuple(image.quantization.get(layer[3], ())) for layer in image.layer)
    return _known_qualities().get(steps)


@cache
def _known_qualities() -> dict[tuple[_Steps, ...], int]:
    """The qualities of the encoder, by the steps of each plane: of grey alone, or of brightness and two colours."""
    found: dict[tuple[_Steps, ...], int] = {}
    for quality in range(1, 101):
        file = io.BytesIO()
        PIL.Image.new("YCbCr", (8, 8)).save(file, "JPEG", quality=quality)
        made = cast("JpegImageFile", PIL.Image.open(file, formats=("JPEG",)))
        grey, colour = (tuple(made.quantization[table]) for table in (0, 1))
        found |= {(grey,): quality, (grey, colour, colour): quality}
    return found

"""Loads the images of a request: recognised by their content, checked, and stripped of all but the pixels.

A host gets PNG or JPEG, the formats that every engine of Ollama reads. The pixels of a PNG or JPEG stay encoded as they
are, without a further loss. WebP, GIF (its first frame) and BMP are encoded again, and so is every image that has to be
turned upright or scaled, or that has more in its compressed data than its pixels. What stands behind the image or in
its metadata is dropped: it is never sent, so nothing of it can be run.
"""

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import PIL.Image
import PIL.ImageOps

from llamaq.images import formats, orientation, pixels, sources
from llamaq.images.formats import FORMATS, others
from llamaq.images.image import Image, ImageSource
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest

_LOSSY = ("JPEG", "MPO", "WEBP")


def load(source: ImageSource, limits: Limits, field: str = "images", max_edge: int | None = None) -> Image:
    """Read, check and clean one image.

    Args:
        source: a path, the file's bytes, base64 or a `data:` URL (a `str`), a file object, or a picture of Pillow's.
        limits: in bytes as given, and in pixels. Both are checked before pixels are decoded.
        field: the request's, for the message.
        max_edge: pixels of its longer edge at most; a larger image is scaled down.

    Raises:
        InvalidRequest: it cannot be read, is in none of `FORMATS`, is damaged or truncated, or is over a limit.
    """
    with _refusing(field):
        if isinstance(source, PIL.Image.Image):
            data = _of_picture(source, limits, field, max_edge)
        else:
            data = _of_file(sources.read(source, limits, field), limits, field, max_edge)
    return Image(hashlib.sha256(data).hexdigest(), data)


def _of_file(data: bytes, limits: Limits, field: str, max_edge: int | None) -> bytes:
    anatomy = formats.dissect(data)
    if anatomy is None:
        known = others.described(data)
        reason = f"not an image in one of the formats {', '.join(FORMATS)}"
        raise InvalidRequest.of(field, f"{reason}; {known}" if known else reason)
    turn = orientation.orientation(anatomy.exif)
    # Pillow decodes the file without the parts that are not the picture.
    with PIL.Image.open(io.BytesIO(anatomy.bare or data[: anatomy.end]), formats=FORMATS) as image:
        _check_size(image, limits, field)
        exact = anatomy.exact()
        image.load()
        upright = turn == orientation.UPRIGHT and pixels.fits(image, max_edge) and pixels.plain(image)
        if anatomy.bare is not None and exact and upright:
            return anatomy.bare
        picture = pixels.scaled(pixels.turned(image, turn), max_edge)
        return pixels.encoded(picture, lossy=anatomy.lossy)


def _of_picture(image: PIL.Image.Image, limits: Limits, field: str, max_edge: int | None) -> bytes:
    _check_size(image, limits, field)
    lossy = image.format in _LOSSY
    return pixels.encoded(pixels.scaled(PIL.ImageOps.exif_transpose(image), max_edge), lossy=lossy)


def _check_size(image: PIL.Image.Image, limits: Limits, field: str) -> None:
    width, height = image.size
    if width * height > limits.image_pixels:
        limit = f"the limit of {limits.image_pixels} pixels (LLAMAQ_MAX_IMAGE_PIXELS)"
        raise InvalidRequest.of(field, f"{width} x {height} is over {limit}")


@contextmanager
def _refusing(field: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # The limit of pixels is checked by `_check_size`; Pillow only warns up to twice its own limit.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            yield
    except PIL.Image.DecompressionBombError as error:
        raise InvalidRequest.of(field, f"over the limit of pixels: {error}") from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise InvalidRequest.of(field, f"a damaged image: {error}") from error

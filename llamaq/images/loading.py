"""Loads the images of a request: recognised by their content, checked, and stripped of all but the pixels.

A host gets PNG or JPEG, the formats that every engine of Ollama reads. Every image is encoded again, so that what is
sent comes of the decoded pixels alone: without loss where the file had none, and a JPEG as it was.
"""

import hashlib

import PIL.Image

from llamaq.images import (
    base64_text,
    decoding,
    formats,
    geometry,
    orientation,
    pixels,
    sources,
    transcoding,
    unreadable,
)
from llamaq.images.budget import BUDGET
from llamaq.images.formats import Anatomy
from llamaq.images.image import Image, ImageSource
from llamaq.images.refusal import Refused
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest

_LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF")
_ORIENTATION = 0x0112
_BLANKS = b" \t\r\n\xef\xbb\xbf"


def load(source: ImageSource, limits: Limits, field: str = "images", max_edge: int | None = None) -> Image:
    """Read, check and clean one image.

    Args:
        source: a path, the file's bytes, base64 or a `data:` URL (a `str`), a file object, or a picture of Pillow's.
        limits: in bytes as given, and in pixels. Both are checked before pixels are decoded.
        field: the request's, for the message.
        max_edge: pixels of its longer edge at most; a larger image is scaled down.

    Raises:
        InvalidRequest: it cannot be read, is in a format that is not read, is damaged or truncated, is over a limit, or
            has a size that ends the runner of a vision model. The message names the file, where there is one.
    """
    try:
        if isinstance(source, PIL.Image.Image):
            data = _clean_picture(source, limits, max_edge)
        else:
            data = _clean_file(sources.read(source, limits), limits, max_edge)
    except Refused as refused:
        name = sources.file_name(source)
        raise InvalidRequest.of(field, f"{name}: {refused}" if name else str(refused)) from refused.__cause__
    return Image(hashlib.sha256(data).hexdigest(), data)


def _clean_file(data: bytes, limits: Limits, max_edge: int | None) -> bytes:
    data, anatomy = _dissect_file(data)
    # Pillow decodes the file without the parts that are not the picture.
    with decoding.open_image(anatomy, data) as image:
        geometry.check_size(image.size, limits)
        with BUDGET.reserve(image.width * image.height):
            return _redraw(image, anatomy, max_edge)


def _redraw(image: PIL.Image.Image, anatomy: Anatomy, max_edge: int | None) -> bytes:
    turn = _read_orientation(image) if anatomy.form == "AVIF" else orientation.read_orientation(anatomy.exif)
    same = turn == orientation.UPRIGHT and geometry.target_size(image.size, max_edge) == image.size
    if same and anatomy.form == "JPEG" and (made := transcoding.transcode(anatomy)):
        return made
    with decoding.translate_errors():
        image.load()
    picture = pixels.turn_upright(image, turn)
    size = geometry.target_size(picture.size, max_edge)
    return pixels.encode(pixels.scale(picture, size), lossy=anatomy.lossy)


def _dissect_file(data: bytes) -> tuple[bytes, Anatomy]:
    """Dissect the image's file. Blanks before it are dropped, and base64 is decoded."""
    for form in (bytes, _strip_blanks, base64_text.unwrap):
        file = form(data)
        anatomy = formats.dissect(file)
        if anatomy is not None:
            return file, anatomy
    raise Refused(unreadable.reason(data))


def _strip_blanks(data: bytes) -> bytes:
    return data.lstrip(_BLANKS)


def _clean_picture(image: PIL.Image.Image, limits: Limits, max_edge: int | None) -> bytes:
    geometry.check_size(image.size, limits)
    with BUDGET.reserve(image.width * image.height):
        with decoding.translate_errors():
            image.load()
        upright = pixels.turn_upright(pixels.copy_pixels(image), _read_orientation(image))
        size = geometry.target_size(upright.size, max_edge)
        return pixels.encode(pixels.scale(upright, size), lossy=image.format in _LOSSY)


def _read_orientation(image: PIL.Image.Image) -> int:
    """The orientation that Pillow tells, by EXIF, XMP or the boxes of an AVIF; `UPRIGHT` where these are damaged."""
    try:
        with decoding.translate_errors():
            value = image.getexif().get(_ORIENTATION, orientation.UPRIGHT)
    except Refused:
        return orientation.UPRIGHT
    return value if value in range(1, 9) else orientation.UPRIGHT

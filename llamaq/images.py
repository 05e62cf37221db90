"""Images on their way in: told by their content, checked before anything is queued, and named by their SHA-256."""

import base64
import binascii
import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

from llamaq.errors import InvalidRequest
from llamaq.limits import Limits

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
REFERENCE = "sha256:"

ImageSource = Path | bytes | str


@dataclass(frozen=True, slots=True)
class Image:
    """A checked image.

    Attributes:
        sha256: of `data`, in hex.
        data: the file's bytes.
    """

    sha256: str
    data: bytes

    @property
    def reference(self) -> str:
        """What a request holds in the image's place."""
        return f"{REFERENCE}{self.sha256}"


def load(source: ImageSource, limits: Limits, field: str = "images") -> Image:
    """Read and check one image: a path, the file's bytes, or base64 (a `str`).

    Raises:
        InvalidRequest: it cannot be read, is none of `FORMATS`, is damaged, or is over a limit.
    """
    data = _bytes(source, limits, field)
    if len(data) > limits.image_bytes:
        raise _refused(field, f"{len(data)} bytes are over the limit of {limits.image_bytes} (LLAMAQ_MAX_IMAGE_BYTES)")
    _check(data, limits, field)
    return Image(hashlib.sha256(data).hexdigest(), data)


def _bytes(source: ImageSource, limits: Limits, field: str) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, Path):
        try:
            if source.stat().st_size > limits.image_bytes:
                limit = f"the limit of {limits.image_bytes} bytes (LLAMAQ_MAX_IMAGE_BYTES)"
                raise _refused(field, f"{source} is over {limit}")
            return source.read_bytes()
        except OSError as error:
            raise _refused(field, f"cannot read {source}: {error.strerror}") from error
    if not isinstance(source, str):
        raise _refused(field, f"give a Path, bytes or a base64 str, not {type(source).__name__}")
    try:
        return base64.b64decode(source, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused(field, f"a str must be base64 ({error}); hand in a Path for a file's name") from error


def _check(data: bytes, limits: Limits, field: str) -> None:
    try:
        with warnings.catch_warnings():
            # The pixel limit is ours, below: Pillow would only warn up to twice its own.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > limits.image_pixels:
                    limit = f"the limit of {limits.image_pixels} pixels (LLAMAQ_MAX_IMAGE_PIXELS)"
                    raise _refused(field, f"{width} x {height} is over {limit}")
                image.verify()
            # verify() passes a truncated JPEG; only decoding tells.
            with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.load()
    except PIL.UnidentifiedImageError as error:
        raise _refused(field, f"not an image in one of the formats {', '.join(FORMATS)}") from error
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise _refused(field, f"a damaged image: {error}") from error


def _refused(field: str, message: str) -> InvalidRequest:
    return InvalidRequest.of(field, message)

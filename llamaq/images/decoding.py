"""Decodes images: by Pillow, and HEIF by pillow-heif, the extra `llamaq[heif]`."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import PIL.features
import PIL.Image

from llamaq.images.formats import Anatomy
from llamaq.images.refusal import Damaged, Refused

_CONVERT = "or convert the image to JPEG (an iPhone takes JPEG with Settings, Camera, Formats, Most Compatible)"


def open_image(anatomy: Anatomy, data: bytes) -> PIL.Image.Image:
    """Open the image: its size is known then, and no pixel decoded yet.

    Raises:
        Refused: the decoder of this format is not installed, or finds damage.
    """
    file = io.BytesIO(data if anatomy.bare is None else anatomy.bare)
    if anatomy.form == "HEIF":
        return _open_heif(file)
    if anatomy.form == "AVIF" and not PIL.features.check("avif"):
        raise Refused(
            f"AVIF needs Pillow with its decoder, as its wheels have it: pip install --upgrade pillow, {_CONVERT}"
        )
    with translate_errors():
        return PIL.Image.open(file, formats=(anatomy.form,))


def _open_heif(file: io.BytesIO) -> PIL.Image.Image:
    try:
        import pillow_heif  # noqa: PLC0415 - an extra
    except ImportError:
        remedy = 'pip install "llamaq[heif]" where it is submitted'
        raise Refused(f"HEIC (HEIF) needs a decoder: {remedy}, {_CONVERT}") from None
    with translate_errors():
        # The class itself: registered in Pillow, it would also read the images of the application.
        image = pillow_heif.HeifImageFile(file)  # type: ignore[no-untyped-call]  # its constructor alone has no types
        return cast("PIL.Image.Image", image)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate all that decoders raise. Call nothing but decoders in it.

    Raises:
        Refused: the image is damaged, or too large for the decoder.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns of what it cannot read beside the picture, and of images up to twice its own limit of pixels.
            warnings.simplefilter("ignore")
            yield
    except PIL.Image.DecompressionBombError as error:
        raise Refused(f"over the limit of pixels: {error}") from error
    except PIL.UnidentifiedImageError as error:
        raise Damaged("no decoder can read its header") from error
    except Exception as error:
        raise Damaged(" ".join(str(error).split()) or type(error).__name__) from error

"""A decoded picture: turned upright, scaled, and encoded anew without anything but its pixels."""

import io

import PIL.Image
from PIL.Image import Resampling, Transpose

from llamaq.images.orientation import UPRIGHT

QUALITY = 95
"""Of a JPEG that must be written anew: next to nothing is lost."""
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_JPEG_MODES = ("L", "RGB")
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def fits(image: PIL.Image.Image, max_edge: int | None) -> bool:
    """Whether no edge is longer than that many pixels."""
    return max_edge is None or max(image.size) <= max_edge


def plain(image: PIL.Image.Image) -> bool:
    """Whether every engine reads its colours as they are: not so with the four inks of print."""
    return image.mode in _PNG_MODES


def turned(image: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    """The picture upright."""
    return image if orientation == UPRIGHT else image.transpose(_TURNS[orientation])


def scaled(image: PIL.Image.Image, max_edge: int | None) -> PIL.Image.Image:
    """The picture no longer than `max_edge` pixels on its longer edge, in its proportions; never enlarged."""
    if max_edge is None or fits(image, max_edge):
        return image
    factor = max_edge / max(image.size)
    width, height = (max(round(edge * factor), 1) for edge in image.size)
    return _smooth(image).resize((width, height), Resampling.LANCZOS)


def encoded(image: PIL.Image.Image, *, lossy: bool) -> bytes:
    """A PNG; or a JPEG, where detail was lost before and nothing shines through."""
    opaque = not _transparent(image)
    jpeg = lossy and opaque
    if image.mode not in (_JPEG_MODES if jpeg else _PNG_MODES):
        image = image.convert("RGB" if opaque else "RGBA")
    # Pillow would write back what it has read beside the pixels: profiles, comments.
    clear = image.copy()
    clear.info = {name: value for name, value in image.info.items() if name == "transparency"}
    data = io.BytesIO()
    if jpeg:
        clear.save(data, "JPEG", quality=QUALITY, subsampling=0)
    else:
        clear.save(data, "PNG", compress_level=4)
    return data.getvalue()


def _transparent(image: PIL.Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def _smooth(image: PIL.Image.Image) -> PIL.Image.Image:
    """A palette, or a single bit, cannot be blended."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("1", "P", "PA"):
        return image.convert("RGBA" if _transparent(image) else "RGB")
    return image

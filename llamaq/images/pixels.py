"""A decoded picture: turned upright, scaled, and encoded again with nothing but its pixels."""

import io
from typing import Any

import PIL.Image
from PIL.Image import Resampling, Transpose

from llamaq.images.orientation import UPRIGHT

QUALITY = 95
"""The quality of a JPEG that is encoded again: the loss is hardly visible."""
OPAQUE = 255
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


def plain(image: PIL.Image.Image) -> bool:
    """Whether every engine reads its colour mode. Engines do not read CMYK, for example."""
    return image.mode in _PNG_MODES


def turned(image: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    """The picture upright."""
    return image if orientation == UPRIGHT else image.transpose(_TURNS[orientation])


def scaled(image: PIL.Image.Image, size: tuple[int, int]) -> PIL.Image.Image:
    """The picture in another size."""
    return image if image.size == size else _smooth(image).resize(size, Resampling.LANCZOS)


def encoded(image: PIL.Image.Image, *, lossy: bool) -> bytes:
    """The file: a JPEG for an opaque picture from a lossy file, else a PNG."""
    opaque = not _transparent(image)
    jpeg = lossy and opaque
    if image.mode not in (_JPEG_MODES if jpeg else _PNG_MODES):
        image = image.convert("RGB" if opaque else "RGBA")
    # Pillow would also write profiles and comments that it has read.
    clear = image.copy()
    clear.info = {name: value for name, value in image.info.items() if name == "transparency"}
    if clear.mode == "P":
        palette, clear.info["transparency"] = _used_colours(clear)
        clear.putpalette(palette)
    data = io.BytesIO()
    if jpeg:
        clear.save(data, "JPEG", quality=QUALITY, subsampling=0)
    else:
        clear.save(data, "PNG", compress_level=4)
    return data.getvalue()


def has_unused_colours(image: PIL.Image.Image) -> bool:
    """Whether its palette has colours that no pixel has: a place for other data."""
    given = bytes(image.getpalette() or ()), image.info.get("transparency")
    return image.mode == "P" and _used_colours(image) != given


def _used_colours(image: PIL.Image.Image) -> tuple[bytes, Any]:
    """The palette, and the transparency of its colours, with nothing at those that no pixel has."""
    used = image.histogram()
    end = max(index for index, number in enumerate(used) if number) + 1
    palette = (image.getpalette() or [])[: end * 3]
    colours = bytes(value if used[index // 3] else 0 for index, value in enumerate(palette))
    transparency = image.info.get("transparency")
    if isinstance(transparency, bytes):
        opacities = transparency[:end]
        return colours, bytes(value if used[index] else OPAQUE for index, value in enumerate(opacities))
    return colours, transparency if transparency is not None and used[transparency] else None


def _transparent(image: PIL.Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def _smooth(image: PIL.Image.Image) -> PIL.Image.Image:
    """The picture in a mode whose pixels can be blended; those of a palette or of single bits cannot."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("1", "P", "PA"):
        return image.convert("RGBA" if _transparent(image) else "RGB")
    return image

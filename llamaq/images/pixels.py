"""A decoded picture: turned upright, scaled, and encoded again with nothing but its pixels."""

import io
from typing import Any

import PIL.Image
from PIL.Image import Resampling, Transpose

from llamaq.images.orientation import UPRIGHT

QUALITY = 95
"""The quality of a JPEG that is encoded again: the loss is hardly visible."""
OPAQUE = 255
_ENTRIES = 256
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
_JPEG_EDGE = 65_500
"""The most pixels of an edge that libjpeg writes."""
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def turn_upright(image: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    """Turn the picture upright."""
    return image if orientation == UPRIGHT else image.transpose(_TURNS[orientation])


def scale(image: PIL.Image.Image, size: tuple[int, int]) -> PIL.Image.Image:
    """Scale the picture to another size."""
    return image if image.size == size else _make_blendable(image).resize(size, Resampling.LANCZOS)


def encode(image: PIL.Image.Image, *, lossy: bool) -> bytes:
    """Encode the file: a JPEG for an opaque picture from a lossy file, else a PNG. The picture loses its metadata."""
    opaque = not _is_transparent(image)
    jpeg = lossy and opaque and max(image.size) <= _JPEG_EDGE
    if image.mode not in (_JPEG_MODES if jpeg else _PNG_MODES):
        image = image.convert("RGB" if opaque else "RGBA")
    image.info = _transparency_info(image)  # Pillow would also write profiles and comments that it has read
    if image.mode == "P":
        palette, image.info["transparency"] = _used_colours(image)
        image.putpalette(palette)
    elif image.mode == "1" and image.info:
        image.info["transparency"] = min(image.info["transparency"], 1)  # the bit, where Pillow counts to 255
    data = io.BytesIO()
    if jpeg:
        image.save(data, "JPEG", quality=QUALITY, subsampling=0)
    else:
        image.save(data, "PNG", compress_level=4)
    return data.getvalue()


def copy_pixels(image: PIL.Image.Image) -> PIL.Image.Image:
    """Copy the picture without metadata, and without a transparency that its mode cannot have, as may be left in it."""
    made = image.copy()
    if image.mode == "La":
        made = made.convert("LA")
    elif image.mode.startswith("I;16"):
        made = made.convert("I").convert("I;16")
    made.info = _transparency_info(image)
    return made


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


def _transparency_info(image: PIL.Image.Image) -> dict[str | tuple[int, int], Any]:
    transparency = image.info.get("transparency")
    return {"transparency": transparency} if _is_transparency(transparency, image.mode) else {}


def _is_transparency(value: Any, mode: str) -> bool:
    """Whether it is a level of grey, a colour, an entry of the palette, or the opacities of all entries."""
    if mode == "RGB":
        return (
            isinstance(value, tuple | list) and len(value) == 3 and all(_is_transparency(each, "L") for each in value)
        )
    if mode == "P" and isinstance(value, bytes):
        return len(value) <= _ENTRIES
    most = {"1": 256, "L": 256, "I;16": 1 << 16, "P": _ENTRIES}.get(mode, 0)
    return isinstance(value, int) and 0 <= value < most


def _is_transparent(image: PIL.Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def _make_blendable(image: PIL.Image.Image) -> PIL.Image.Image:
    """Convert the picture to a mode whose pixels can be blended; those of a palette or of single bits cannot."""
    if image.mode == "I;16":
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("1", "P", "PA"):
        return image.convert("RGBA" if _is_transparent(image) else "RGB")
    return image

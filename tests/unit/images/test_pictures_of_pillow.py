"""Pictures that an application has open in Pillow, with what it has done to them."""

from typing import Any

import PIL.Image
import pytest
from PIL.Image import Transpose

from llamaq import Limits
from llamaq.images import loading
from tests.unit.images.image_factory import draw_picture, make_exif, open_file

MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBX", "RGBa", "La")


def sent(image: PIL.Image.Image, **how: Any) -> PIL.Image.Image:
    """The picture that a host gets."""
    return open_file(loading.load(image, Limits(), **how).data)


def in_mode(mode: str) -> PIL.Image.Image:
    """A picture in a mode; Pillow converts to some by way of others alone."""
    return draw_picture().convert({"La": "LA", "RGBa": "RGBA"}.get(mode, "RGB")).convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_looks_the_same_in_any_size(mode: str) -> None:
    """It is a PNG, and as bright when it was scaled."""
    image = in_mode(mode)

    whole, smaller = sent(image), sent(image, max_edge=40)

    assert (whole.format, whole.size, smaller.size) == ("PNG", (64, 48), (40, 30))
    before, after = (sum(each.convert("L").tobytes()) / (each.width * each.height) for each in (whole, smaller))
    assert abs(before - after) < 12


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B"])
def test_sixteen_bits_are_grey_in_either_order_of_bytes(mode: str) -> None:
    """Cut off at eight bits, nearly all of it would be white."""
    levels = [level * 256 for level in range(64) for _ in range(48)]
    image = PIL.Image.frombytes(
        mode, (64, 48), b"".join(level.to_bytes(2, "big" if mode == "I;16B" else "little") for level in levels)
    )

    assert sent(image).mode == "I;16"
    assert list(sent(image).tobytes()) == [byte for level in levels for byte in level.to_bytes(2, "little")]
    assert sent(image, max_edge=40).getextrema() == pytest.approx((0, 63), abs=3)


@pytest.mark.parametrize("value", [300, -1, (1, 2, 3), (1, 2), (1, 2, 1 << 16), b"\1\2", bytes(300), "x", 1.5, None])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16", "CMYK", "RGBA"])
def test_a_transparency_of_another_mode_does_no_harm(mode: str, value: Any) -> None:
    """Pillow leaves one behind where a picture was made of another; no encoder takes it."""
    image = draw_picture().convert("I;16") if mode == "I;16" else draw_picture().convert(mode)
    image.info = {"transparency": value, "dpi": "x", "gamma": None}

    assert sent(image).size == (64, 48)
    assert sent(image, max_edge=40).size == (40, 30)


@pytest.mark.parametrize("block", [b"junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*", 5, "text"])
def test_a_damaged_exif_block_does_no_harm(block: Any) -> None:
    """The picture is taken as it stands, as with a file."""
    image = draw_picture()
    image.info["exif"] = block

    assert sent(image).tobytes() == image.tobytes()


@pytest.mark.parametrize(("value", "turn"), [(6, Transpose.ROTATE_270), ("6", None), (9, None), (None, None)])
def test_the_orientation_is_applied(value: Any, turn: Transpose | None) -> None:
    """As an application has set it, and that of a file; the application's picture stays as it is."""
    image = draw_picture()
    image.info["exif"] = make_exif(3)
    image.getexif()[0x0112] = value
    before = image.tobytes()

    made = sent(image)

    assert made.tobytes() == (image.transpose(turn) if turn is not None else image).tobytes()
    assert (image.tobytes(), image.info["exif"]) == (before, make_exif(3))


def test_what_a_jpeg_cannot_hold_is_a_png() -> None:
    """An edge has 65,500 pixels at most, and a panorama can have more."""
    image = PIL.Image.new("RGB", (65_501, 328), (10, 90, 60))
    image.format = "WEBP"  # as where Pillow has read it

    made = sent(image)

    assert (made.format, made.size) == ("PNG", (65_501, 328))

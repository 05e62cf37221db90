"""HEIC and AVIF: read where a decoder is installed, and sent as JPEG; else named with the remedy."""

import io
import sys
from typing import Any

import PIL.features
import PIL.Image
import pillow_heif
import pytest

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from tests.unit.images.image_factory import SECRET, draw_picture, make_exif, open_file


def photo(form: str, **how: Any) -> bytes:
    """A photo as phones take it: with a red corner, its place, an owner and an orientation."""
    image = PIL.Image.new("RGB", (128, 64), "white")
    image.paste((255, 0, 0), (0, 0, 64, 32))
    return written(image, form, exif=make_exif(6), **how)


def written(image: PIL.Image.Image, form: str, **how: Any) -> bytes:
    """The file of a picture."""
    data = io.BytesIO()
    if form == "HEIC":
        pillow_heif.from_pillow(image).save(data, quality=90, **how)
    else:
        image.save(data, "AVIF", quality=90, **how)
    return data.getvalue()


@pytest.mark.parametrize("form", ["HEIC", "AVIF"])
def test_a_photo_of_a_phone_is_sent_as_an_upright_jpeg(form: str) -> None:
    """Turned once, not twice; its place and its owner stay at home."""
    taken = photo(form)
    assert SECRET in taken

    stored = loading.load(taken, Limits()).data

    assert SECRET not in stored
    made = open_file(stored)
    assert (made.format, made.size) == ("JPEG", (64, 128))
    red = made.getchannel("G").point(lambda value: 255 if value < 60 else 0).getbbox()
    assert red is not None
    assert all(abs(a - b) < 4 for a, b in zip(red, (32, 0, 64, 64), strict=True))


@pytest.mark.parametrize("form", ["HEIC", "AVIF"])
def test_transparency_is_kept_in_a_png(form: str) -> None:
    """As of every other format."""
    image = draw_picture().convert("RGBA")
    image.putalpha(100)

    made = open_file(loading.load(written(image, form), Limits()).data)

    assert (made.format, made.mode, made.size) == ("PNG", "RGBA", (64, 48))


@pytest.mark.parametrize("form", ["HEIC", "AVIF"])
def test_limits_damage_and_what_is_behind_are_treated_as_in_other_formats(form: str) -> None:
    """A motion photo is a picture, half of a file is none, and the limits hold before pixels are decoded."""
    taken = photo(form)
    video = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(100)
    assert loading.load(taken + video, Limits()) == loading.load(taken, Limits())
    for cut in (taken[:-1], taken[: len(taken) // 2], taken[:40]):
        with pytest.raises(InvalidRequest, match="images: a damaged image"):
            loading.load(cut, Limits())
    with pytest.raises(InvalidRequest, match=r"Limits.image_pixels"):
        loading.load(taken, Limits(image_pixels=8191))
    with pytest.raises(InvalidRequest, match="an edge below 28 pixels"):
        loading.load(written(draw_picture((64, 20)), form), Limits())
    assert open_file(loading.load(taken, Limits(), max_edge=64).data).size == (32, 64)


@pytest.mark.parametrize(
    ("form", "remedy"),
    [
        ("HEIC", r'HEIC \(HEIF\) needs a decoder: pip install "llamaq\[heif\]".*or convert'),
        ("AVIF", r"AVIF needs Pillow with its decoder.*pip install --upgrade pillow, or convert"),
    ],
)
def test_without_a_decoder_it_is_named_with_what_to_install(
    form: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to do without it."""
    taken = photo(form)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(PIL.features, "check", lambda feature: False)

    with pytest.raises(InvalidRequest, match=remedy):
        loading.load(taken, Limits())


def test_the_decoder_is_not_registered_in_the_application() -> None:
    """What an application's own Pillow opens does not change with llamaq."""
    loading.load(photo("HEIC"), Limits())

    assert "HEIF" not in PIL.Image.OPEN

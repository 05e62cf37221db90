"""Images on their way in: told by their content, and everything that is none is refused before it is queued."""

import base64
import contextlib
import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits, images
from llamaq.images import FORMATS


def picture(format_name: str = "PNG", size: tuple[int, int] = (32, 32)) -> bytes:
    """A picture with something in it, so that no part of its data can be missing unnoticed."""
    data = io.BytesIO()
    image = PIL.Image.effect_noise(size, 80)
    image.convert("RGB").save(data, format_name)
    return data.getvalue()


SAMPLES = {name: picture(name) for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_taken_as_bytes_as_path_and_as_base64(name: str, tmp_path: Path) -> None:
    """The three ways give the same image: its bytes untouched, named by their SHA-256."""
    data = SAMPLES[name]
    path = tmp_path / "no-suffix"
    path.write_bytes(data)

    found = [images.load(source, Limits()) for source in (data, path, base64.b64encode(data).decode())]

    assert {image.data for image in found} == {data}
    assert {image.reference for image in found} == {f"sha256:{hashlib.sha256(data).hexdigest()}"}


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_image_is_refused(name: str) -> None:
    """A picture that was cut is not one: `verify()` alone would pass a JPEG's first half."""
    data = SAMPLES[name]
    with pytest.raises(InvalidRequest, match="images: "):
        images.load(data[: len(data) // 2], Limits())


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"GIF89a", b"\x89PNG\r\n\x1a\n<html>"],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    """Whatever its first bytes claim."""
    with pytest.raises(InvalidRequest, match="images: "):
        images.load(data, Limits())


@pytest.mark.parametrize("name", ["TIFF", "ICO", "PPM", "TGA"])
def test_formats_beyond_the_list_are_refused(name: str) -> None:
    """Pillow could read them; the models behind cannot, and each reader is a door."""
    with pytest.raises(InvalidRequest, match="not an image in one of the formats PNG, JPEG"):
        images.load(picture(name), Limits())


def test_an_image_with_something_else_behind_it_is_still_that_image() -> None:
    """A polyglot (a PNG that is a zip as well) is stored as it came; it is only ever used as an image."""
    data = SAMPLES["PNG"] + b"PK\x05\x06" + bytes(18)

    assert images.load(data, Limits()).data == data


def test_a_file_that_only_ends_in_an_image_is_refused() -> None:
    """The content decides from its first byte on."""
    with pytest.raises(InvalidRequest):
        images.load(b"PK\x03\x04" + SAMPLES["PNG"], Limits())


def test_too_many_bytes_are_refused_with_both_figures(tmp_path: Path) -> None:
    """A file is not even read, and the limit, the size and the variable are named."""
    data = SAMPLES["PNG"]
    path = tmp_path / "large.png"
    path.write_bytes(data)
    for source in (data, base64.b64encode(data).decode(), path):
        with pytest.raises(InvalidRequest, match=rf"limit of {len(data) - 1}.*LLAMAQ_MAX_IMAGE_BYTES"):
            images.load(source, Limits(image_bytes=len(data) - 1))
    assert images.load(data, Limits(image_bytes=len(data))).data == data


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 5001), (14_000, 14_000), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused_by_its_claim(width: int, height: int) -> None:
    """Over the limit of pixels nothing is decoded, however few bytes came, without a warning on the way."""
    with pytest.raises(InvalidRequest, match=r"pixels"):
        images.load(bomb(width, height), Limits())


@pytest.mark.parametrize("text", ["not base64!", "aGk", "data:image/png;base64,aGk=", "scan.jpg", "ä", "\ud800", " "])
def test_a_str_that_is_not_base64_is_refused_with_the_hint(text: str) -> None:
    """A file's name in a str is the commonest mistake: the message says what to hand in."""
    with pytest.raises(InvalidRequest, match="images: "):
        images.load(text, Limits())


def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, or a directory."""
    with pytest.raises(InvalidRequest, match="No such file"):
        images.load(tmp_path / "missing.png", Limits())
    with pytest.raises(InvalidRequest, match="cannot read"):
        images.load(tmp_path, Limits())


@given(st.sampled_from(FORMATS), st.data())
def test_damaged_images_are_refused_or_are_images(name: str, data: Any) -> None:
    """Bytes changed, cut, doubled: Pillow raises many things, a producer sees `InvalidRequest` alone."""
    sample = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(sample) - 1) if data.draw(st.booleans()) else st.integers(0, 80))
        sample[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(sample)))
    with contextlib.suppress(InvalidRequest):
        images.load(bytes(sample[:cut]), Limits())


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF"])
)
def test_arbitrary_bytes_are_refused_or_are_images(data: bytes, magic: bytes) -> None:
    """The same for noise behind each format's first bytes."""
    with contextlib.suppress(InvalidRequest):
        images.load(magic + data, Limits())

"""What is refused: no images, damaged ones, and those over a limit. The reason is told before anything is queued."""

import base64
import contextlib
import io
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from llamaq.images.formats import FORMATS
from tests.unit.images.image_factory import draw_picture, insert_chunks, make_bomb, make_chunk, make_file, open_file

SAMPLES = {name: make_file(name) for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
@given(at=st.floats(0, 1, exclude_max=True))
def test_a_truncated_image_is_refused(name: str, at: float) -> None:
    """Wherever it was cut, up to its very last byte: decoding alone would pass many of these."""
    data = SAMPLES[name]
    with pytest.raises(InvalidRequest, match="images: "):
        loading.load(data[: int(len(data) * at)], Limits())
    with pytest.raises(InvalidRequest, match="images: "):
        loading.load(data[:-1], Limits())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is no image at all", "a text that begins with 'hello, this is no image "),
        (make_file("TIFF"), "TIFF, or the raw image of a camera: convert it to PNG or JPEG"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG, a drawing: render it to PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- Inkscape -->\n<!DOCTYPE svg PUBLIC '' ''>\n<svg/>", "SVG"),
        (b"%PDF-1.7\n", "a PDF: render its pages to images"),
        (b"\n<!DOCTYPE html>\n<html><title>403 Forbidden", "a web page, perhaps the error of a download"),
        (b'{"error": "not found"}', "JSON, perhaps the error"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", "XML or a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "run git lfs pull"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video: take a frame of it"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video"),
        (b"\x1aE\xdf\xa3" + bytes(20), "video"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive, such as a document of an office program: unpack it"),
        (b"\x1f\x8b\x08\0", "a compressed file"),
        (b"8BPS\0\x01", "a file of Photoshop"),
        (make_file("ICO"), "an icon"),
        (make_file("PPM"), "an image in a format that is not read"),
        (b"\xff\x0a" + bytes(20), "JPEG XL"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "the same name without"),
        (bytes(4096), "4096 bytes that are all zero"),
        (b"\x01\x02\x03\x04", "it begins with the bytes 01 02 03 04"),
        (make_file("TGA"), "not an image in one of the formats PNG, JPEG"),
    ],
)
def test_what_is_no_image_is_named_with_the_remedy(data: bytes, reason: str, tmp_path: Path) -> None:
    """Under whatever name it comes; the message has the file's name, too."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(InvalidRequest, match=f"^images.2: {path if source == path else ''}.*{re.escape(reason)}"):
            loading.load(source, Limits(), "images.2")


@pytest.mark.parametrize("data", [b"GIF89a", b"\x89PNG\r\n\x1a\n<html>", b"\xff\xd8\xff\xd9", b"BM", b"RIFF....WEBP"])
def test_first_bytes_alone_make_no_image(data: bytes) -> None:
    """Whatever they claim."""
    with pytest.raises(InvalidRequest, match="images: a damaged image"):
        loading.load(data, Limits())


def test_a_png_without_its_palette_is_refused() -> None:
    """Pillow takes it, and engines do not."""
    data = io.BytesIO()
    draw_picture().convert("P").save(data, "PNG")
    start = data.getvalue().index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(data.getvalue()[start : start + 4])
    for palette in (b"", make_chunk(b"PLTE", b""), make_chunk(b"PLTE", b"\0\0")):
        with pytest.raises(InvalidRequest, match="it has no palette"):
            loading.load(data.getvalue()[:start] + palette + data.getvalue()[end:], Limits())


def test_a_file_that_only_ends_in_an_image_is_refused() -> None:
    """The content decides from its first byte on."""
    with pytest.raises(InvalidRequest):
        loading.load(b"PK\x03\x04" + SAMPLES["PNG"], Limits())


def test_too_many_bytes_are_refused_with_both_figures(tmp_path: Path) -> None:
    """A file is not even read, and the limit, the size and the variable are named."""
    data = SAMPLES["PNG"]
    path = tmp_path / "large.png"
    path.write_bytes(data)
    text = base64.b64encode(data).decode()
    for source in (data, text, f"data:image/png;base64,{text}", path, io.BytesIO(data)):
        with pytest.raises(InvalidRequest, match=rf"over the limit of {len(data) - 1} bytes.*Limits.image_bytes"):
            loading.load(source, Limits(image_bytes=len(data) - 1))
    loading.load(data, Limits(image_bytes=len(data)))


@pytest.mark.parametrize(("width", "height"), [(8000, 5001), (14_000, 14_000), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused_by_its_claim(width: int, height: int) -> None:
    """Over the limit of pixels nothing is decoded, however few bytes came, without a warning on the way."""
    with pytest.raises(InvalidRequest, match=r"pixels"):
        loading.load(make_bomb(width, height), Limits())


def test_a_bomb_in_a_text_chunk_is_never_inflated() -> None:
    """A text or a profile that grows a thousandfold: it is dropped as it came."""
    swollen = zlib.compress(bytes(50_000_000))
    data = insert_chunks(
        SAMPLES["PNG"], make_chunk(b"zTXt", b"x\0\0" + swollen), make_chunk(b"iCCP", b"x\0\0" + swollen)
    )

    assert loading.load(data, Limits()).data == loading.load(SAMPLES["PNG"], Limits()).data


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff" * 4_000_000,
        b"\xff\xd8" + b"\xff" * 4_000_000 + b"\0",
        b"\xff\xd8" + b"\xff\xd0" * 2_000_000,
        b"\xff\xd8" + b"\xff\xfe\0\2" * 200_000,
        b"GIF89a" + bytes(4_000_000),
        b"GIF89a" + b"!\xf9\0" * 200_000,
        b"RIFF\0\x27\x09\0WEBP" + bytes(600_000),
        b"\x7f\xff\xff\xffftypmif1" + b"a" * 4_000_000,
        b" " * 4_000_000,
        b"<!--" * 1_000_000,
    ],
    ids=[
        "fill",
        "fill and zero",
        "restarts",
        "comments",
        "no blocks",
        "extensions",
        "chunks",
        "brands",
        "blanks",
        "tags",
    ],
)
def test_much_of_one_thing_is_read_once(data: bytes) -> None:
    """A parser that looks at the rest of a file for each of its bytes would take days at it."""
    for source in (data, data.decode("latin-1")):
        with pytest.raises(InvalidRequest):
            loading.load(source, Limits())


def test_a_jpeg_with_hundreds_of_scans_is_refused() -> None:
    """A few bytes for each, and a pass over all pixels: a small file keeps a decoder busy for hours."""
    data = io.BytesIO()
    draw_picture().save(data, "JPEG", progressive=True)
    last = data.getvalue().rindex(b"\xff\xda")
    scan = data.getvalue()[last:-2]
    with pytest.raises(InvalidRequest, match="more than 100 scans"):
        loading.load(data.getvalue()[:-2] + scan * 100 + b"\xff\xd9", Limits())


@given(st.sampled_from(FORMATS), st.data())
def test_damaged_images_are_refused_or_are_images(name: str, data: Any) -> None:
    """Bytes changed, cut, doubled: Pillow raises many things, a producer sees `InvalidRequest` alone."""
    sample = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(sample) - 1) if data.draw(st.booleans()) else st.integers(0, 80))
        sample[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(sample)))
    with contextlib.suppress(InvalidRequest):
        assert open_file(loading.load(bytes(sample[:cut]), Limits()).data).format in ("PNG", "JPEG")


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF"])
)
def test_arbitrary_bytes_are_refused_or_are_images(data: bytes, magic: bytes) -> None:
    """The same for noise behind each format's first bytes."""
    with contextlib.suppress(InvalidRequest):
        loading.load(magic + data, Limits())

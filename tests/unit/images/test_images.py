"""Images on their way in: told by their content, checked before they are decoded, and refused with the reason."""

import base64
import contextlib
import hashlib
import io
import os
import threading
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from llamaq.images.formats import FORMATS
from tests.unit.images.image_factory import bomb, chunk, drawn, into_png, opened, picture

SAMPLES = {name: picture(name) for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_every_way_in_gives_the_same_image(name: str, tmp_path: Path) -> None:
    """A path, bytes, base64, a `data:` URL and a file object: one image, named by the SHA-256 of what is stored."""
    data = SAMPLES[name]
    path = tmp_path / "no-suffix"
    path.write_bytes(data)
    text = base64.b64encode(data).decode()
    sources: list[Any] = [data, bytearray(data), memoryview(data), path, text, io.BytesIO(data)]
    sources += [f"data:image/png;base64,{text}", f"data:;base64,{quote(text, safe='')}", f"DATA:x/y,{quote(data)}"]

    found = [loading.load(source, Limits()) for source in sources]
    with path.open("rb") as file:
        found.append(loading.load(file, Limits()))

    assert len(found) == 10
    assert len({image.data for image in found}) == 1
    assert {image.reference for image in found} == {f"sha256:{hashlib.sha256(found[0].data).hexdigest()}"}


def test_a_picture_of_pillows_is_an_image() -> None:
    """Also one of four inks, or with a palette; what came out of a JPEG goes out as one."""
    for mode in ("RGB", "RGBA", "L", "P", "1", "CMYK", "LA", "I;16"):
        made = opened(loading.load(drawn().convert("I;16") if mode == "I;16" else drawn().convert(mode), Limits()).data)
        assert (made.format, made.size) == ("PNG", (32, 24))
    assert opened(loading.load(opened(SAMPLES["JPEG"]), Limits()).data).format == "JPEG"
    with pytest.raises(InvalidRequest, match="LLAMAQ_MAX_IMAGE_PIXELS"):
        loading.load(drawn((8, 8)), Limits(image_pixels=63))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_stored_is_what_every_engine_reads(name: str) -> None:
    """PNG and JPEG, with the very pixels of the file; a lossy WebP becomes a JPEG, all else a PNG."""
    stored = opened(loading.load(SAMPLES[name], Limits()).data)

    assert stored.format == ("JPEG" if name in ("JPEG", "WEBP") else "PNG")
    if name != "WEBP":
        assert stored.convert("RGB").tobytes() == opened(SAMPLES[name]).convert("RGB").tobytes()


def test_a_lossless_webp_stays_lossless() -> None:
    """Its pixels are those of the PNG that it becomes, transparency included."""
    data = io.BytesIO()
    image = drawn().convert("RGBA")
    image.putalpha(drawn().convert("L"))
    image.save(data, "WEBP", lossless=True, exact=True)

    stored = opened(loading.load(data.getvalue(), Limits()).data)

    assert (stored.format, stored.mode, stored.tobytes()) == ("PNG", "RGBA", image.tobytes())


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_shown(form: str) -> None:
    """The others are not sent along."""
    frames = [PIL.Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    data = io.BytesIO()
    frames[0].save(data, form, save_all=True, append_images=frames[1:], lossless=True)

    stored = opened(loading.load(data.getvalue(), Limits()).data)

    assert getattr(stored, "n_frames", 1) == 1
    assert stored.convert("RGB").getpixel((8, 8)) == (255, 0, 0)


@pytest.mark.parametrize("how", [{"interlace": 1}, {"bits": 1}, {}])
def test_an_interlaced_png_is_a_png(how: dict[str, Any]) -> None:
    """The check of what is compressed knows the seven passes; here with rows that Pillow cannot write itself."""
    width, height, depth = 9, 5, how.get("bits", 8)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    grid = passes if how.get("interlace") else [(0, 0, 1, 1)]
    sizes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in grid]
    rows = b"".join(bytes(1 + (wide * depth + 7) // 8) * high for wide, high in sizes if wide)
    head = width.to_bytes(4) + height.to_bytes(4) + bytes([depth, 0, 0, 0, how.get("interlace", 0)])

    def whole(content: bytes) -> bytes:
        parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + parts

    assert loading.load(whole(rows), Limits()).data == whole(rows)
    assert loading.load(whole(rows + b"\0"), Limits()).data != whole(rows + b"\0")
    with pytest.raises(InvalidRequest, match="damaged image"):
        loading.load(whole(rows[:-1]), Limits())


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
    "data",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"GIF89a", b"\x89PNG\r\n\x1a\n<html>"],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    """Whatever its first bytes claim."""
    with pytest.raises(InvalidRequest, match="images: "):
        loading.load(data, Limits())


@pytest.mark.parametrize("name", ["TIFF", "ICO", "PPM", "TGA"])
def test_formats_beyond_the_list_are_refused(name: str) -> None:
    """Pillow could read them; the models behind cannot, and each reader is a door."""
    with pytest.raises(InvalidRequest, match="not an image in one of the formats PNG, JPEG"):
        loading.load(picture(name), Limits())


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
        with pytest.raises(InvalidRequest, match=rf"over the limit of {len(data) - 1} bytes.*LLAMAQ_MAX_IMAGE_BYTES"):
            loading.load(source, Limits(image_bytes=len(data) - 1))
    loading.load(data, Limits(image_bytes=len(data)))


def test_of_a_pipe_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    """It has no size beforehand, and may have no end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    gone = threading.Event()

    def pour() -> None:
        with contextlib.suppress(BrokenPipeError), pipe.open("wb", buffering=0) as end:
            while True:
                end.write(bytes(4096))
        gone.set()

    threading.Thread(target=pour, daemon=True).start()
    with pytest.raises(InvalidRequest, match="LLAMAQ_MAX_IMAGE_BYTES"):
        loading.load(pipe, Limits(image_bytes=10_000))
    assert gone.wait(30)


@pytest.mark.parametrize(("width", "height"), [(8000, 5001), (14_000, 14_000), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused_by_its_claim(width: int, height: int) -> None:
    """Over the limit of pixels nothing is decoded, however few bytes came, without a warning on the way."""
    with pytest.raises(InvalidRequest, match=r"pixels"):
        loading.load(bomb(width, height), Limits())


def test_a_bomb_in_a_text_chunk_is_never_inflated() -> None:
    """A text or a profile that grows a thousandfold: it is dropped as it came."""
    swollen = zlib.compress(bytes(50_000_000))
    data = into_png(SAMPLES["PNG"], chunk(b"zTXt", b"x\0\0" + swollen), chunk(b"iCCP", b"x\0\0" + swollen))

    assert loading.load(data, Limits()).data == loading.load(SAMPLES["PNG"], Limits()).data


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.png", "HTTPS://example.org/a.png", "ftp://x/y", "file:///x"])
def test_a_url_is_not_fetched(url: str) -> None:
    """Neither as a str nor as a path: a server that fetches what it is told to is a door into its own network."""
    for source in (url, Path(url)):
        with pytest.raises(InvalidRequest, match="a URL is not fetched"):
            loading.load(source, Limits())


@pytest.mark.parametrize("text", ["not base64!", "aGk", "data:image/png;base64,aGk=", "scan.jpg", "ä", "\ud800", " "])
def test_a_str_that_is_not_base64_is_refused_with_the_hint(text: str) -> None:
    """A file's name in a str is the commonest mistake: the message says what to hand in."""
    with pytest.raises(InvalidRequest, match="images: "):
        loading.load(text, Limits())


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A path that is missing or a directory, a file of text, and a thing that is none of all."""
    for source, reason in (
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "cannot read"),
        (io.StringIO("text"), "binary mode"),
        (17, "give a Path, bytes"),
    ):
        with pytest.raises(InvalidRequest, match=reason):
            loading.load(source, Limits())  # type: ignore[arg-type]  # the wrong types are the point


@given(st.sampled_from(FORMATS), st.data())
def test_damaged_images_are_refused_or_are_images(name: str, data: Any) -> None:
    """Bytes changed, cut, doubled: Pillow raises many things, a producer sees `InvalidRequest` alone."""
    sample = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(sample) - 1) if data.draw(st.booleans()) else st.integers(0, 80))
        sample[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(sample)))
    with contextlib.suppress(InvalidRequest):
        assert opened(loading.load(bytes(sample[:cut]), Limits()).data).format in ("PNG", "JPEG")


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF"])
)
def test_arbitrary_bytes_are_refused_or_are_images(data: bytes, magic: bytes) -> None:
    """The same for noise behind each format's first bytes."""
    with contextlib.suppress(InvalidRequest):
        loading.load(magic + data, Limits())

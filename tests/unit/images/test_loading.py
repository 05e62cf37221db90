"""Images on their way in: from every source, told by their content, and sent as what every engine reads."""

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

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from llamaq.images.formats import FORMATS
from tests.unit.images.image_factory import draw_picture, make_chunk, make_file, open_file

SAMPLES = {name: make_file(name) for name in FORMATS}


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
    """What came out of a JPEG goes out as one, all else as a PNG."""
    assert open_file(loading.load(draw_picture(), Limits()).data).format == "PNG"
    assert open_file(loading.load(open_file(SAMPLES["JPEG"]), Limits()).data).format == "JPEG"
    with pytest.raises(InvalidRequest, match=r"Limits.image_pixels"):
        loading.load(draw_picture((32, 32)), Limits(image_pixels=1023))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_stored_is_what_every_engine_reads(name: str) -> None:
    """PNG and JPEG; a lossy file becomes a JPEG, all else a PNG with the very pixels of the file."""
    stored = open_file(loading.load(SAMPLES[name], Limits()).data)

    assert stored.format == ("JPEG" if name in ("JPEG", "WEBP") else "PNG")
    if stored.format == "PNG":
        assert stored.convert("RGB").tobytes() == open_file(SAMPLES[name]).convert("RGB").tobytes()


def test_a_lossless_webp_stays_lossless() -> None:
    """Its pixels are those of the PNG that it becomes, transparency included."""
    data = io.BytesIO()
    image = draw_picture().convert("RGBA")
    image.putalpha(draw_picture().convert("L"))
    image.save(data, "WEBP", lossless=True, exact=True)

    stored = open_file(loading.load(data.getvalue(), Limits()).data)

    assert (stored.format, stored.mode, stored.tobytes()) == ("PNG", "RGBA", image.tobytes())


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_shown(form: str) -> None:
    """The others are not sent along."""
    frames = [PIL.Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    data = io.BytesIO()
    frames[0].save(data, form, save_all=True, append_images=frames[1:], lossless=True)

    stored = open_file(loading.load(data.getvalue(), Limits()).data)

    assert getattr(stored, "n_frames", 1) == 1
    assert stored.convert("RGB").getpixel((8, 8)) == (255, 0, 0)


@pytest.mark.parametrize("how", [{"interlace": 1}, {"bits": 1}, {}])
def test_an_interlaced_png_is_a_png(how: dict[str, Any]) -> None:
    """Its seven passes are read to their end; here with rows that Pillow cannot write itself."""
    width, height, depth = 41, 37, how.get("bits", 8)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    grid = passes if how.get("interlace") else [(0, 0, 1, 1)]
    sizes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in grid]
    rows = b"".join(bytes(1 + (wide * depth + 7) // 8) * high for wide, high in sizes if wide)
    head = width.to_bytes(4) + height.to_bytes(4) + bytes([depth, 0, 0, 0, how.get("interlace", 0)])

    def whole(content: bytes) -> bytes:
        parts = make_chunk(b"IHDR", head) + make_chunk(b"IDAT", zlib.compress(content)) + make_chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + parts

    assert open_file(loading.load(whole(rows), Limits()).data).tobytes() == open_file(whole(rows)).tobytes()
    with pytest.raises(InvalidRequest, match="damaged image"):
        loading.load(whole(rows[:-1]), Limits())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.png", "HTTPS://example.org/a.png", "ftp://x/y", "file:///x"])
def test_a_url_is_not_fetched(url: str) -> None:
    """Neither as a str nor as a path: a server that fetches what it is told to is a door into its own network."""
    for source in (url, Path(url)):
        with pytest.raises(InvalidRequest, match="a URL is not fetched"):
            loading.load(source, Limits())


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A path that is missing or a directory, a file of text, and a thing that is none of all."""
    for source, reason in (
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "cannot read"),
        (io.StringIO("text"), "binary mode"),
        (17, "a Path, bytes"),
    ):
        with pytest.raises(InvalidRequest, match=reason):
            loading.load(source, Limits())  # type: ignore[arg-type]  # the wrong types are the point


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
    with pytest.raises(InvalidRequest, match=r"Limits.image_bytes"):
        loading.load(pipe, Limits(image_bytes=10_000))
    assert gone.wait(30)

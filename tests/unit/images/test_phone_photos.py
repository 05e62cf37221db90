"""Pictures with more in their files than the picture: what is sent is the picture alone."""

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import Limits
from llamaq.images import loading
from llamaq.images.formats import FORMATS
from tests.unit.images.image_factory import SECRET, chunk, drawn, into_jpeg, into_png, opened, picture, segment

SAMPLES = {name: picture(name) for name in FORMATS}
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + SECRET
SEF = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data" + SECRET + b"SEFHk\0\0\0\x18\0\0\0SEFT"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "more",
    [
        SEF,
        MP4,
        b"\xff\xd9",
        b"\r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n",
        SAMPLES["JPEG"],
        SAMPLES["PNG"][50:],
        b"PK\x03\x04" + bytes(40),
        b"<html><script>",
    ],
    ids=["sef", "motion-photo", "second-eoi", "mjpeg-boundary", "picture", "cropped", "zip", "page"],
)
def test_what_stands_behind_a_picture_is_dropped(name: str, more: bytes) -> None:
    """A photo of a phone, a frame of a camera or a cropped screenshot is stored as if it stood alone."""
    assert loading.load(SAMPLES[name] + more, Limits()) == loading.load(SAMPLES[name], Limits())


@given(st.sampled_from(FORMATS), st.binary(min_size=1, max_size=60))
def test_whatever_is_appended_is_never_stored(name: str, more: bytes) -> None:
    """Any bytes behind the end."""
    assert loading.load(SAMPLES[name] + more, Limits()) == loading.load(SAMPLES[name], Limits())


@pytest.mark.parametrize("hidden", [b"PK\x05\x06" + bytes(18), b"%pdf-1.4", b"<?php system('id');", b"<html>"])
def test_a_second_file_inside_the_metadata_is_dropped(hidden: bytes) -> None:
    """In a comment, a text chunk or a segment of an application."""
    commented, plain = io.BytesIO(), io.BytesIO()
    palette = drawn().convert("P")
    palette.save(commented, "GIF", comment=hidden)
    palette.save(plain, "GIF")
    for data, alone in (
        (into_png(SAMPLES["PNG"], chunk(b"tEXt", b"Comment\0" + hidden)), SAMPLES["PNG"]),
        (into_jpeg(SAMPLES["JPEG"], segment(0xFE, hidden), segment(0xE5, hidden)), SAMPLES["JPEG"]),
        (commented.getvalue(), plain.getvalue()),
    ):
        assert loading.load(data, Limits()) == loading.load(alone, Limits())


def test_data_hidden_in_the_compressed_stream_is_dropped() -> None:
    """More rows than the picture has, or bytes behind the stream: the picture is encoded again."""
    plain = SAMPLES["PNG"]
    start = plain.index(b"IDAT") + 4
    content = plain[start : start + int.from_bytes(plain[start - 8 : start - 4])]
    rows = zlib.decompress(content)
    for more in (zlib.compress(rows + SECRET, 0), content + SECRET):
        stored = loading.load(plain[: start - 8] + chunk(b"IDAT", more) + chunk(b"IEND", b""), Limits()).data
        compressed = stored[stored.index(b"IDAT") + 4 :]
        decompressor = zlib.decompressobj()
        assert len(decompressor.decompress(compressed)) == len(rows)
        assert SECRET not in stored
        assert opened(stored).tobytes() == opened(plain).tobytes()


def test_the_further_pictures_of_a_camera_are_dropped() -> None:
    """A preview or a depth map, announced in the file, also with a video behind it."""
    data = io.BytesIO()
    drawn().save(data, "MPO", save_all=True, append_images=[drawn((16, 16))])

    for several in (data.getvalue(), data.getvalue() + MP4):
        stored = loading.load(several, Limits()).data
        assert opened(stored).size == (32, 24)
        assert stored.count(b"\xff\xd8\xff") == 1

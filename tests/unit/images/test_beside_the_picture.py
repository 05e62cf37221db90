"""What stands behind or beside the picture is removed: phones, cameras and editors leave it there."""

import io
import struct
import zlib

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from llamaq.images.formats import FORMATS
from tests.unit.images.image_factory import (
    SECRET,
    draw_picture,
    insert_chunks,
    insert_segments,
    make_chunk,
    make_file,
    make_segment,
    open_file,
)

SAMPLES = {name: make_file(name) for name in (*FORMATS, "AVIF")}
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0\0\0\x20moov" + SECRET[:24] + b"\0\0\0\x10mdat" + SECRET
BEHIND = {
    "a SEF trailer of Samsung": b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1" + SECRET + b"SEFH\x6b\0\0\0\x01\0\0\0SEFT",
    "the MP4 of a motion photo": VIDEO,
    "a second end": b"\xff\xd9",
    "the boundary of an MJPEG stream": b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n",
    "the next frame of an MJPEG stream": b"\r\n--frame\r\n\r\n" + make_file("JPEG"),
    "another image": make_file("PNG"),
    "a ZIP archive": b"PK\x03\x04" + SECRET + b"PK\x05\x06" + bytes(18),
    "a PDF": b"%PDF-1.7\n" + SECRET,
    "a program": b"\0\0MZ" + SECRET,
    "a web page": b"<SCRIPT>" + SECRET,
    "a shell": b"<?php system($_GET['c']); ?>",
    "a newline": b"\r\n",
    "zeros": bytes(512),
}


@pytest.mark.parametrize("what", BEHIND)
@pytest.mark.parametrize("name", [*FORMATS, "AVIF"])
def test_libjxl_3502_immich_30654_what_is_behind_a_picture_is_removed(name: str, what: str) -> None:
    """A photo of a phone is no attack: what is stored is that of the picture alone."""
    assert loading.load(SAMPLES[name] + BEHIND[what], Limits()) == loading.load(SAMPLES[name], Limits())


@given(st.sampled_from(FORMATS), st.binary(max_size=60))
def test_whatever_is_behind_a_picture_is_removed(name: str, more: bytes) -> None:
    """None of it can make another image of it, or none."""
    assert loading.load(SAMPLES[name] + more, Limits()) == loading.load(SAMPLES[name], Limits())


@pytest.mark.parametrize(
    "hidden", [b"<html><script>alert(1)</script>", b"PK\x05\x06" + bytes(18), b"%PDF-1.4", b"<?php"]
)
def test_image_nvim_379_what_stands_in_the_metadata_is_removed(hidden: bytes) -> None:
    """A web page in a text chunk, in a comment, or in an application's segment."""
    commented = io.BytesIO()
    draw_picture().convert("P").save(commented, "GIF", comment=hidden)
    for data, plain in (
        (insert_chunks(SAMPLES["PNG"], make_chunk(b"tEXt", b"Comment\0" + hidden)), SAMPLES["PNG"]),
        (insert_segments(SAMPLES["JPEG"], make_segment(0xFE, hidden), make_segment(0xE5, hidden)), SAMPLES["JPEG"]),
        (commented.getvalue(), commented.getvalue().replace(hidden, bytes(len(hidden)))),
    ):
        stored = loading.load(data, Limits()).data
        assert hidden not in stored
        assert stored == loading.load(plain, Limits()).data


def test_a_cropped_png_with_the_old_data_behind_it() -> None:
    """aCropalypse: an editor wrote the smaller file over the larger one, and left its end. None of that goes out."""
    larger = make_file("PNG", (200, 200))
    cropped = SAMPLES["PNG"]

    stored = loading.load(cropped + larger[len(cropped) :], Limits()).data

    assert stored == loading.load(cropped, Limits()).data


@pytest.mark.parametrize("more", ["rows", "a second stream", "bytes", "another chunk"])
def test_data_behind_the_pixels_of_a_png_is_removed(more: str) -> None:
    """More rows than the picture has, or more behind them, decode without a word; the picture is encoded again."""
    plain = SAMPLES["PNG"]
    start = plain.index(b"IDAT") + 4
    content = plain[start : start + int.from_bytes(plain[start - 8 : start - 4])]
    hiding = {
        "rows": [zlib.compress(zlib.decompress(content) + SECRET * 10)],
        "a second stream": [content + zlib.compress(SECRET)],
        "bytes": [content + SECRET],
        "another chunk": [content, SECRET],
    }[more]
    chunks = b"".join(make_chunk(b"IDAT", each) for each in hiding)

    stored = loading.load(plain[: start - 8] + chunks + make_chunk(b"IEND", b""), Limits()).data

    assert open_file(stored).tobytes() == open_file(plain).tobytes()
    (begin,) = (at for at in range(len(stored)) if stored.startswith(b"IDAT", at))
    compressed = stored[begin + 4 : -16]
    assert SECRET not in compressed
    assert len(zlib.decompress(compressed)) == 48 * (1 + 64 * 3)


def _compressed(rows: bytes, *before: bytes) -> bytes:
    """The compressed rows, with further blocks before the first one."""
    whole = zlib.compress(rows)
    return whole[:2] + b"".join(before) + whole[2:]


def _png(head: bytes, *pieces: bytes) -> bytes:
    parts = [make_chunk(b"IHDR", head), *(make_chunk(b"IDAT", piece) for piece in pieces), make_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_nothing_is_hidden_in_the_way_a_png_is_compressed() -> None:
    """Blocks without a byte have padding; rows may have any of five filters, and chunks any length."""
    head = struct.pack(">IIBBBBB", 64, 48, 8, 0, 0, 0, 0)
    bits = [byte >> shift & 15 for byte in SECRET for shift in (4, 0)]
    filters = [sum(SECRET[:at]) % 5 for at in range(48)]
    rows = b"".join(bytes([each]) + bytes(64) for each in filters)
    plain = _png(head, zlib.compress(bytes(65 * 48)))
    whole = _compressed(bytes(65 * 48))
    sizes = [(at, at + length) for at, length in zip((0, 9, 14, 30), (9, 5, 16, len(whole)), strict=True)]

    for hiding in (
        _png(head, _compressed(bytes(65 * 48), *(bytes([each << 3]) + b"\0\0\xff\xff" for each in bits))),
        _png(head, zlib.compress(rows)),
        _png(head, *(whole[start:end] for start, end in sizes)),
        _png(head, zlib.compress(bytes(65 * 48), 0)),
    ):
        assert open_file(hiding).tobytes() == open_file(plain).tobytes()
        assert loading.load(hiding, Limits()) == loading.load(plain, Limits())


def test_a_palette_is_as_long_as_the_pixels_can_use_it() -> None:
    """A palette beside true colours, or longer than the bits of a pixel can count, is a place for other data."""
    plain = SAMPLES["PNG"]
    with_palette = insert_chunks(plain, make_chunk(b"PLTE", (SECRET * 9)[:300]))
    assert loading.load(with_palette, Limits()) == loading.load(plain, Limits())
    few = io.BytesIO()
    draw_picture().convert("L").quantize(4).save(few, "PNG", bits=2)
    start = few.getvalue().index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(few.getvalue()[start : start + 4])
    colours = few.getvalue()[start + 8 : end - 4]
    longer = few.getvalue()[:start] + make_chunk(b"PLTE", colours + (SECRET * 9)[:300]) + few.getvalue()[end:]

    assert loading.load(longer, Limits()).data == loading.load(few.getvalue(), Limits()).data


def _indexed(colours: bytes, opacities: bytes = b"") -> bytes:
    """A picture of 64 by 32 with the colours 1 and 3 alone."""
    head = struct.pack(">IIBBBBB", 64, 32, 8, 3, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\1\3" * 32) * 32)
    parts = [
        make_chunk(b"IHDR", head),
        make_chunk(b"PLTE", colours),
        *([make_chunk(b"tRNS", opacities)] if opacities else []),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, make_chunk(b"IDAT", rows), make_chunk(b"IEND", b"")])


@pytest.mark.parametrize(
    ("opacities", "kept"),
    [(b"", None), (b"\7\x80\7\x90", b"\xff\x80\xff\x90"), (b"\7\x80\7\x90\7\7", b"\xff\x80\xff\x90")],
)
def test_colours_that_no_pixel_has_are_emptied(opacities: bytes, kept: bytes | None) -> None:
    """They are a place for other data, and so is their transparency; the pixels stay as they are."""
    used = b"abc", b"def"
    given = _indexed(b"xyz" + used[0] + b"uvw" + used[1] + SECRET + b"..", opacities)
    empty = _indexed(bytes(3) + used[0] + bytes(3) + used[1], (opacities and kept) or b"")

    stored = loading.load(given, Limits()).data

    assert open_file(stored).convert("RGBA").tobytes() == open_file(given).convert("RGBA").tobytes()
    assert bytes(open_file(stored).getpalette() or ())[:12] == bytes(3) + used[0] + bytes(3) + used[1]
    assert SECRET[:9] not in stored
    assert open_file(stored).info.get("transparency") == kept
    assert loading.load(stored, Limits()).data == stored
    assert loading.load(empty, Limits()).data == stored


def test_bits_behind_a_row_are_emptied() -> None:
    """A row of 60 pixels of one bit has four bits left; the pixels stay as they are."""
    head = struct.pack(">IIBBBBB", 60, 32, 1, 0, 0, 0, 0)

    def of(last: int) -> bytes:
        rows = zlib.compress((b"\0" + b"\x55" * 7 + bytes([last])) * 32)
        parts = make_chunk(b"IHDR", head) + make_chunk(b"IDAT", rows) + make_chunk(b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + parts

    stored = loading.load(of(0x5F), Limits()).data

    assert stored == loading.load(of(0x50), Limits()).data
    assert open_file(stored).tobytes()[:8] == b"\x55" * 7 + b"\x50"


def test_a_wrong_checksum_of_a_text_does_no_harm() -> None:
    """It is not read; that of the pixels is."""
    plain = SAMPLES["PNG"]
    text = make_chunk(b"tEXt", b"Comment\0x")
    assert loading.load(insert_chunks(plain, text[:-1] + b"\0"), Limits()) == loading.load(plain, Limits())
    with pytest.raises(InvalidRequest, match="a checksum in it is wrong"):
        loading.load(plain[:-13] + b"\0" + plain[-12:], Limits())


def test_libjpeg_turbo_163_bytes_between_the_segments_are_skipped() -> None:
    """The warning is "extraneous bytes before a marker": cameras write them, other readers skip them."""
    plain = SAMPLES["JPEG"]
    for marker in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4"):
        noisy = plain.replace(marker, SECRET + b"\0\0" + marker, 1)
        assert loading.load(noisy, Limits()) == loading.load(plain, Limits())
    noisy = SAMPLES["GIF"][:-1] + b"\0\0\0;"
    assert loading.load(noisy, Limits()) == loading.load(SAMPLES["GIF"], Limits())


def test_bytes_before_the_picture_are_skipped_where_they_are_blank() -> None:
    """The newline of a script or of a stream, or a BOM; other bytes are the beginning of another file."""
    for name in FORMATS:
        for before in (b"\r\n", b"\n\n ", b"\xef\xbb\xbf"):
            assert loading.load(before + SAMPLES[name], Limits()) == loading.load(SAMPLES[name], Limits())


def test_the_further_pictures_of_a_camera_are_dropped() -> None:
    """A preview, a depth or a gain map (MPF, Ultra HDR), announced in the file or not: one picture is meant."""
    data = io.BytesIO()
    draw_picture().save(data, "MPO", save_all=True, append_images=[draw_picture((40, 40))])
    for several in (data.getvalue(), SAMPLES["JPEG"] + make_file("JPEG", (40, 40)) + VIDEO):
        stored = loading.load(several, Limits()).data

        assert open_file(stored).size == (64, 48)
        assert stored.count(b"\xff\xd8\xff") == 1


def test_a_jpeg_with_arithmetic_codes_is_encoded_again() -> None:
    """Only some decoders know them, Ollama's engines do not."""
    odd = SAMPLES["JPEG"].replace(b"\xff\xc0", b"\xff\xc9", 1)

    stored = loading.load(odd, Limits()).data

    assert (b"\xff\xc9" in stored, open_file(stored).size) == (False, (64, 48))


def test_a_frame_of_an_mjpeg_stream_gets_its_tables_of_codes() -> None:
    """Cameras leave out the usual ones, and engines read no JPEG without them."""
    odd = plain = SAMPLES["JPEG"]
    while b"\xff\xc4" in odd:
        start = odd.index(b"\xff\xc4")
        odd = odd[:start] + odd[start + 2 + int.from_bytes(odd[start + 2 : start + 4]) :]

    stored = loading.load(odd, Limits()).data

    assert b"\xff\xc4" in stored
    assert max(abs(a - b) for a, b in zip(open_file(stored).tobytes(), open_file(plain).tobytes(), strict=True)) < 16


def test_a_picture_of_four_inks_is_sent_in_three_colours() -> None:
    """As before: engines do not read CMYK."""
    data = io.BytesIO()
    PIL.Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(data, "JPEG")

    assert open_file(loading.load(data.getvalue(), Limits()).data).mode == "RGB"

"""What a model gets to see of an image: upright, no larger than asked for, and nothing but its pixels."""

import base64
import io

import PIL.Image
import PIL.PngImagePlugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.admission.submission import prepare
from llamaq.images import loading
from llamaq.images.formats import FORMATS
from llamaq.vocabulary.requests import parse
from tests.unit.images.image_factory import (
    SECRET,
    draw_picture,
    insert_chunks,
    insert_segments,
    make_chunk,
    make_exif,
    make_file,
    make_segment,
    open_file,
)

contents = st.binary(max_size=60)
PROFILE = b"profile of " + SECRET


def photographed(form: str, orientation: int = 1) -> bytes:
    """A photo with its place, its owner and a profile."""
    data = io.BytesIO()
    draw_picture().save(
        data, form, exif=make_exif(orientation), icc_profile=PROFILE, xmp=b"<x>" + SECRET + b"</x>", quality=90
    )
    return data.getvalue()


def scanned() -> bytes:
    """A scan with its patient in two kinds of text, and a time."""
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("Patient", SECRET.decode())
    info.add_itxt("Patient", SECRET.decode(), zip=False)
    data = io.BytesIO()
    draw_picture().save(data, "PNG", pnginfo=info, exif=make_exif(), icc_profile=PROFILE, dpi=(300, 300))
    return data.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_photos_place_does_not_travel(form: str) -> None:
    """Looked for byte by byte, and as Pillow sees it."""
    taken = photographed(form)
    assert SECRET in taken

    stored = loading.load(taken, Limits()).data

    assert SECRET not in stored
    assert not open_file(stored).getexif()
    assert not {"icc_profile", "exif", "xmp", "comment", "dpi"} & set(open_file(stored).info)


def test_a_scans_patient_does_not_travel() -> None:
    """Text chunks, plain and international, go; every pixel stays."""
    taken = scanned()
    assert SECRET in taken

    stored = loading.load(taken, Limits()).data

    assert SECRET not in stored
    assert open_file(stored).tobytes() == open_file(taken).tobytes()
    kinds = [kind for kind in (b"tEXt", b"iTXt", b"eXIf", b"iCCP", b"pHYs") if kind in stored]
    assert kinds == []


def test_a_gifs_comment_does_not_travel() -> None:
    """Nor what a picture of Pillow's own brings along."""
    data = io.BytesIO()
    draw_picture().convert("P").save(data, "GIF", comment=SECRET)

    for source in (data.getvalue(), open_file(data.getvalue()), open_file(scanned()), open_file(photographed("JPEG"))):
        stored = loading.load(source, Limits()).data
        assert SECRET not in stored
        assert b"iCCP" not in stored, "which would be compressed, and so not seen above"
        assert not {"icc_profile", "exif", "comment", "Patient"} & set(open_file(stored).info)


@given(st.lists(st.tuples(st.sampled_from([0xE0, 0xE1, 0xE2, 0xED, 0xFE]), contents), max_size=5))
def test_no_segment_of_a_jpeg_is_kept(extras: list[tuple[int, bytes]]) -> None:
    """Whatever stands in them, and however many; the picture is the same."""
    plain = make_file("JPEG")
    noisy = insert_segments(plain, *(make_segment(marker, SECRET + content) for marker, content in extras))

    stored = loading.load(noisy, Limits()).data

    assert SECRET not in stored
    assert stored == loading.load(plain, Limits()).data


@given(st.lists(st.tuples(st.from_regex(rb"\A[a-z][a-zA-Z]{3}\Z"), contents), max_size=5))
def test_no_chunk_of_a_png_is_kept(extras: list[tuple[bytes, bytes]]) -> None:
    """The same for chunks that are not needed, known and unknown."""
    plain = make_file("PNG")
    noisy = insert_chunks(plain, *(make_chunk(kind, SECRET + content) for kind, content in extras if kind != b"tRNS"))

    stored = loading.load(noisy, Limits()).data

    assert SECRET not in stored
    assert open_file(stored).tobytes() == open_file(plain).tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_was_held_otherwise(orientation: int) -> None:
    """The picture is turned upright, since no engine looks into EXIF; the sense of each value is Pillow's own."""
    data = io.BytesIO()
    image = PIL.Image.new("RGB", (128, 64), "white")
    image.paste((255, 0, 0), (0, 0, 64, 32))
    image.save(data, "PNG", exif=make_exif(orientation))
    expected = PIL.ImageOps.exif_transpose(open_file(data.getvalue()))

    stored = open_file(loading.load(data.getvalue(), Limits()).data)

    assert (stored.size, stored.tobytes()) == (expected.size, expected.tobytes())
    assert stored.size == ((128, 64) if orientation < 5 else (64, 128))


def test_a_turned_photo_stays_a_jpeg() -> None:
    """With next to nothing lost by the second encoding."""
    data = io.BytesIO()
    PIL.Image.linear_gradient("L").resize((64, 32)).convert("RGB").save(data, "JPEG", exif=make_exif(6), quality=95)

    stored = open_file(loading.load(data.getvalue(), Limits()).data)

    expected = open_file(data.getvalue()).transpose(PIL.Image.Transpose.ROTATE_270)
    assert (stored.format, stored.size) == ("JPEG", (32, 64))
    assert max(abs(a - b) for a, b in zip(stored.tobytes(), expected.tobytes(), strict=True)) < 8


@given(contents)
def test_a_damaged_exif_block_does_no_harm(block: bytes) -> None:
    """It is metadata: it goes, and the picture is taken as it stands or turned."""
    for order in (b"", b"II*\0", b"MM\0*"):
        stored = loading.load(
            insert_segments(make_file("JPEG"), make_segment(0xE1, b"Exif\0\0" + order + block)), Limits()
        )
        assert sorted(open_file(stored.data).size) == [48, 64]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("edge", "size"), [(48, (48, 36)), (60, (60, 45)), (64, (64, 48)), (4000, (64, 48))])
def test_max_edge_scales_down_and_never_up(form: str, edge: int, size: tuple[int, int]) -> None:
    """In its proportions, whatever the format; a JPEG stays one."""
    stored = open_file(loading.load(make_file(form), Limits(), max_edge=edge).data)

    assert stored.size == size
    assert stored.format == ("JPEG" if form in ("JPEG", "WEBP") else "PNG")


@pytest.mark.parametrize("mode", ["1", "P", "L", "LA", "RGBA", "I;16"])
def test_every_mode_can_be_scaled(mode: str) -> None:
    """A palette, a single bit and sixteen bits too."""
    assert open_file(loading.load(draw_picture((64, 64)).convert(mode), Limits(), max_edge=32).data).size == (32, 32)


def test_the_request_says_max_edge() -> None:
    """A field like any other, so that producers without the SDK have it too; without images it means nothing."""
    fields = {"kind": "multimodal", "model": "m", "prompt": "?", "images": [base64.b64encode(make_file()).decode()]}

    submission = prepare(parse({**fields, "max_edge": 40}), "id", Limits())

    assert open_file(submission.images[0].data).size == (40, 30)
    for wrong in (0, -1, 1.5, "8"):
        with pytest.raises(InvalidRequest, match="max_edge"):
            parse({**fields, "max_edge": wrong})
    with pytest.raises(InvalidRequest, match="max_edge"):
        parse({"kind": "extraction", "model": "m", "prompt": "?", "schema": {}, "max_edge": 8})

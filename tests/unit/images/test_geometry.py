"""Sizes that end the runner of a vision model: refused before anything is queued, or scaled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaq import InvalidRequest, Limits
from llamaq.admission.preparation import Preparation
from llamaq.images import geometry, loading
from llamaq.images.refusal import Refused
from tests.unit.images.image_factory import draw_picture, make_exif, make_file, open_file


@pytest.mark.parametrize("size", [(1, 1), (27, 257), (257, 27), (512, 6)])
def test_ollama_11297_bartleby_79_an_edge_below_28_pixels_is_refused(size: tuple[int, int]) -> None:
    """The runner of qwen2.5vl ends at it, which cost three attempts and whatever else it was computing."""
    width, height = size
    for source in (make_file(size=size), make_file("JPEG", size=size), draw_picture(size)):
        with pytest.raises(InvalidRequest, match=f"images.0: {width} x {height} pixels: an edge below 28 pixels"):
            loading.load(source, Limits(), "images.0")


@pytest.mark.parametrize("size", [(20000, 99), (99, 20000), (28 * 200 + 1, 28)])
def test_bartleby_79_a_ratio_above_200_is_refused(size: tuple[int, int]) -> None:
    """The same runner ends at this one."""
    with pytest.raises(InvalidRequest, match=r"one edge is more than 200 times the other.*cut it into parts"):
        loading.load(make_file(size=size, compress_level=0), Limits())


def test_ollama_11297_twenty_thousand_by_one_is_refused() -> None:
    """Its edge is told first; both reasons hold."""
    with pytest.raises(InvalidRequest, match="20000 x 1 pixels: an edge below 28 pixels"):
        loading.load(make_file(size=(20000, 1)), Limits())


@pytest.mark.parametrize(
    ("size", "sent"), [((28, 28), (32, 32)), ((30, 512), (32, 546)), ((28 * 200, 28), (6400, 32)), ((32, 64), (32, 64))]
)
def test_ollama_13113_an_edge_below_32_pixels_is_scaled_up(size: tuple[int, int], sent: tuple[int, int]) -> None:
    """The runner of qwen3-vl ends at it. From 32 pixels on the size stays as it is."""
    for form in ("PNG", "JPEG"):
        assert open_file(loading.load(make_file(form, size=size), Limits()).data).size == sent


def test_the_message_names_the_image_of_many() -> None:
    """By its number, and nothing is submitted."""
    images = [make_file(), make_file(), make_file(size=(64, 4))]
    with pytest.raises(InvalidRequest) as caught:
        Preparation(Limits(), lambda: "id").prepare("multimodal", {"model": "m", "prompt": "?"}, images)
    assert [problem.field for problem in caught.value.problems] == ["images.2"]


def test_max_edge_does_not_scale_an_edge_below_28_pixels() -> None:
    """The message says which `max_edge` would do; a turned photo is measured as it is sent."""
    panorama = make_file("JPEG", size=(1000, 50))
    with pytest.raises(InvalidRequest, match=r"1000 x 50 pixels are 500 x 25 with.*max_edge of 560 or"):
        loading.load(panorama, Limits(), max_edge=500)
    assert open_file(loading.load(panorama, Limits(), max_edge=560).data).size == (560, 28)
    turned = make_file("JPEG", size=(1000, 50), exif=make_exif(6))
    assert open_file(loading.load(turned, Limits(), max_edge=600).data).size == (30, 600)


def test_an_edge_is_not_scaled_up_beyond_max_edge() -> None:
    """What the request says goes before what one model needs."""
    assert open_file(loading.load(make_file(size=(30, 30)), Limits(), max_edge=31).data).size == (30, 30)
    assert open_file(loading.load(make_file(size=(30, 30)), Limits(), max_edge=32).data).size == (32, 32)


@given(st.integers(1, 9000), st.integers(1, 9000), st.none() | st.integers(1, 9000))
def test_every_size_is_refused_or_becomes_one_that_models_take(width: int, height: int, max_edge: int | None) -> None:
    """The edge, the ratio and `max_edge` hold for what is sent."""
    try:
        geometry.check_size((width, height), Limits(image_pixels=10**8))
        made = geometry.target_size((width, height), max_edge)
    except Refused:
        return
    assert min(made) >= 28
    assert max(made) <= min(made) * 201  # rounded to whole pixels
    assert max_edge is None or max(made) <= max_edge
    assert min(made) >= 32 or max_edge is not None

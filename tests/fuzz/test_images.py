"""Image files of each format, changed at random: each is refused, or becomes a picture with nothing beside it.

A batch is made of one seed, which a failure tells: add it to seeds.json. `FUZZ_SECONDS` is the time for all formats.
Where a decoder ends the process, `-o log_cli=true --log-cli-level=INFO` shows the seed before it.
"""

import logging
import time
from random import Random

import pytest

from llamaq import InvalidRequest, Limits
from llamaq.images import loading
from tests.fuzz.conftest import SECONDS, seeds
from tests.fuzz.image_files import assert_nothing_but_pixels, change_bytes, make_samples

BATCH = 50
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF", "HEIC")
LIMITS = Limits(image_pixels=200_000)
MOST_SECONDS = 30
"""For one file; the slowest takes a few hundredths."""
log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def others() -> list[bytes]:
    """A file of each format, whose parts are put into files of the others."""
    return [data for form in FORMATS for data in make_samples(form)[:2]]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.timeout(SECONDS + 60)
def test_changed_files_are_refused_or_become_pictures_alone(form: str, others: list[bytes]) -> None:
    """With `InvalidRequest` alone, and with a picture that opens."""
    originals = make_samples(form)
    tried = taken = 0
    for seed in seeds("images", 1 / len(FORMATS)):
        log.info("seed %s of %s", seed, form)
        draw = Random(seed)
        for number in range(BATCH):
            data = change_bytes(draw.choice(originals), others, draw)
            try:
                taken += _becomes_a_picture(data, draw.choice((None, None, 36)))
            except BaseException as error:
                error.add_note(f"seed {seed} of {form}, file {number}")
                raise
            tried += 1
    log.info("%s: %s files, %s taken", form, tried, taken)
    assert taken, "a fuzzer whose every file is refused tries nothing"


def _becomes_a_picture(data: bytes, max_edge: int | None) -> bool:
    begin = time.monotonic()
    try:
        image = loading.load(data, LIMITS, max_edge=max_edge)
    except InvalidRequest:
        return False
    finally:
        assert time.monotonic() - begin < MOST_SECONDS
    assert_nothing_but_pixels(image)
    return True

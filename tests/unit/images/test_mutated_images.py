"""Mutated files of each format: refused with the reason, or a clean image goes out.

A batch is made of one seed, which a failure tells. `FUZZ_SECONDS=3600` is a long run, divided among the formats.
"""

import os
import time
from random import Random
from typing import Any

import pytest

from llamaq import InvalidRequest, Limits
from llamaq.images import formats, loading
from llamaq.images.formats import FORMATS
from tests.unit.images.image_factory import SECRET, exif, opened, picture

SECONDS = float(os.environ.get("FUZZ_SECONDS", "5")) / len(FORMATS)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
NO_BOMBS = Limits(image_pixels=1_000_000)


def mutated(sample: bytes, chance: Random) -> bytes:
    """Bytes changed, removed, doubled and inserted, mostly in the headers; sometimes with other data behind."""
    data = bytearray(sample)
    for _ in range(chance.randint(1, 6)):
        at = min(chance.randrange(len(data)), chance.randrange(len(data)))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 4)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 40)]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 4))
        if not data:
            break
    return bytes(data) + (SECRET if chance.random() < 0.3 else b"")


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_refused_or_go_out_clean(name: str) -> None:
    """What goes out opens in Pillow, and loading it again changes nothing: there is nothing left to remove."""
    how: dict[str, Any] = {} if name in ("GIF", "BMP") else {"exif": exif(1)}
    sample, chance, until, tried, taken = picture(name, **how), Random(SEED), time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until or not taken:
        data = mutated(sample, chance)
        tried += 1
        try:
            stored = loading.load(data, NO_BOMBS).data
        except InvalidRequest:
            continue
        taken += 1
        where = f"seed {SEED}, file {tried}"
        assert opened(stored).format in ("PNG", "JPEG"), where
        assert SECRET not in stored, where
        anatomy = formats.dissect(stored)
        assert anatomy is not None, where
        assert anatomy.bare == stored, where

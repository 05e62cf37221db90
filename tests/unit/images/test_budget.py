"""The pixels that are decoded at a time are bounded, in whatever thread."""

import os
import threading
from typing import Any

import pytest

from llamaq import Limits
from llamaq.images import loading, pixels, transcoding
from llamaq.images.budget import BUDGET, PixelBudget
from tests.unit.images.image_factory import make_file, open_file

SOON = 0.2
"""Seconds in which a thread that need not wait has begun."""


@pytest.mark.parametrize(("taken", "part"), [(80, 21), (1, 100), (1, 250), (250, 1)])
def test_a_part_that_does_not_fit_waits(taken: int, part: int) -> None:
    """Until what is taken is given back. A part that is larger than the whole is given alone."""
    budget, begun = PixelBudget(100), threading.Event()

    def work() -> None:
        with budget.reserve(part):
            begun.set()

    thread = threading.Thread(target=work)
    with budget.reserve(taken):
        thread.start()
        assert not begun.wait(SOON)
    assert begun.wait(60)
    thread.join(60)
    assert budget.used == 0


def test_parts_that_fit_are_given_together() -> None:
    """No thread waits for another one."""
    budget = PixelBudget(100)
    with budget.reserve(60), budget.reserve(40):
        assert budget.used == 100


def test_a_part_is_given_back_after_a_failure() -> None:
    """A damaged image does not make the next one wait."""
    budget = PixelBudget(100)
    with pytest.raises(ValueError, match="damaged"), budget.reserve(100):
        raise ValueError("damaged")

    assert budget.used == 0


@pytest.mark.parametrize(("form", "module", "name"), [("PNG", pixels, "encode"), ("JPEG", transcoding, "transcode")])
def test_an_image_takes_its_pixels(form: str, module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is decoded and encoded, as a file and as a picture of Pillow's."""
    data, real, used = make_file(form), getattr(module, name), []

    def noting(*args: Any, **kwargs: Any) -> Any:
        used.append(BUDGET.used)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, noting)
    image = open_file(data)
    loading.load(data, Limits())
    if module is pixels:
        loading.load(image, Limits())

    assert used == [image.width * image.height] * len(used)
    assert used
    assert BUDGET.used == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_does_not_wait_for_threads_that_it_has_not() -> None:
    """The image of a thread of the process before it would never be given back."""
    with BUDGET.reserve(10**9):
        child = os.fork()
        if not child:
            os._exit(0 if BUDGET.used == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

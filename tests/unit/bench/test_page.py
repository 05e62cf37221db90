"""The measured parts of a page."""

from pathlib import Path

import pytest

from bench.figures import report
from bench.figures.page import find_parts, replace_parts
from bench.figures.results import Results

PAGE = "Before.\n<!-- measured: one -->\nold\n\nold\n<!-- measured: end -->\nBetween.\n"
ABOUT = {"day": "d", "processor": "P", "cores": 2, "python": "3", "redis": "r", "load": 0, "load_at_end": 1}


def test_only_the_parts_are_written_anew() -> None:
    r"""What is written by hand stays, and a part may have any text, such as one with `\\1`."""
    page = replace_parts(PAGE, {"one": "new \\1"})

    assert page == "Before.\n<!-- measured: one -->\nnew \\1\n<!-- measured: end -->\nBetween.\n"
    assert find_parts(page) == {"one": "new \\1"}


@pytest.mark.parametrize("parts", [{}, {"one": "", "two": ""}])
def test_a_part_without_a_place_is_told(parts: dict[str, str]) -> None:
    """Else a figure would be measured and not shown, or an old one would stay."""
    with pytest.raises(ValueError, match="the page has the parts one"):
        replace_parts(PAGE, parts)


def test_the_page_of_performance_has_a_place_for_each_part() -> None:
    """Also where little was measured."""
    page = (Path(__file__).parents[3] / "docs" / "performance.md").read_text()

    assert replace_parts(page, report.parts(Results(about={**ABOUT, "packages": {"celery": "5"}})))

"""JSON that the user gives, in a file or an option, is refused in one line where it is none."""

from pathlib import Path

import pytest

from llamaq.cli.input.json_input import parse_json
from tests.unit.cli.conftest import Here

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "words",
    [
        "extract m x --schema FILE",
        "batch FILE OUT",
        "batch GOOD FILE",
        "conversation set c --tools FILE",
    ],
)
def test_a_file_that_is_nested_deep_is_refused(here: Here, tmp_path: Path, words: str) -> None:
    """Python's reader gives up at a number of levels that depends on its version, with a traceback."""
    (tmp_path / "FILE").write_text(DEEP + "\n")
    (tmp_path / "GOOD").write_text('{"custom_id": "a", "kind": "generate", "request": {"model": "m", "prompt": "x"}}\n')
    ran = here(*(str(tmp_path / word) if word.isupper() else word for word in words.split()))

    assert ran.code == 2
    assert str(tmp_path / "FILE") in ran.err or "--tools is no JSON: recursion limit exceeded" in ran.err


def test_an_option_that_is_nested_deep_is_a_text(here: Here) -> None:
    """As another value that is no JSON."""
    ran = here("generate", "m", "x", "-o", f"num_ctx={DEEP[:2000]}")

    assert ran.code == 2
    assert "num_ctx" in ran.err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_have_the_encodings_of_windows(encoding: str) -> None:
    """PowerShell writes UTF-16."""
    assert parse_json('{"a": "ä"}'.encode(encoding)) == {"a": "ä"}


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '"\\ud800"', "{", b"\xff"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    """NaN and half a surrogate pair too, which Python's reader takes."""
    with pytest.raises(ValueError):  # noqa: PT011 - its subclasses differ
        parse_json(text)

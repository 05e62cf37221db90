"""Durations are read as Go reads them."""

import pytest

from ollama_api.durations import FOREVER, parse_duration, to_keep_alive


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5m", 300),
        ("1h30m", 5400),
        ("-1m", -60),
        ("+2s", 2),
        ("0", 0),
        ("-0", 0),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("100ms", 0.1),
    ],
)
def test_a_duration(text: str, seconds: float) -> None:
    """Numbers with units, added up."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("soon", 'time: invalid duration "soon"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1h5", 'time: missing unit in duration "1h5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("1 h", 'time: unknown unit " h" in duration "1 h"'),
        ("9999999999h", 'time: invalid duration "9999999999h"'),
    ],
)
def test_what_is_no_duration(text: str, problem: str) -> None:
    """In Go's words."""
    with pytest.raises(ValueError, match="time: ") as refused:
        parse_duration(text)
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("seconds", "given"), [(60, 60), (60.0, 60), (1.5, 1.5), (0, 0), (-1, FOREVER), (-0.5, FOREVER), (1e30, FOREVER)]
)
def test_a_keep_alive(seconds: float, given: float) -> None:
    """Each negative one is for ever, and so is what Ollama's counter cannot hold."""
    assert to_keep_alive(seconds) == given

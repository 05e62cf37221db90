"""JSON is written as Go writes it, byte by byte."""

import json
from pathlib import Path

import pytest

from ollama_api.encoding import encode_json, encode_number, encode_text, format_timestamp, quote

RECORDINGS = sorted((Path(__file__).parents[2] / "recordings").glob("*.json"))


def _lines(path: Path) -> list[str]:
    recording = json.loads(path.read_text())
    kinds = [value for name, value in recording.get("headers") or [] if name == "Content-Type"]
    return recording["body"].splitlines() if kinds and "json" in kinds[0] else []


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_what_ollama_wrote_is_written_so_again(path: Path) -> None:
    """Each recorded line, read and written, is the same text: names, numbers, escapes."""
    lines = [line for line in _lines(path) if line.strip()]

    assert [encode_json(json.loads(line)) for line in lines] == lines


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("<b>&", r'"\u003cb\u003e\u0026"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\x00\x1f\x7f\b\f\n\r\t", '"\\u0000\\u001f\x7f\\b\\f\\n\\r\\t"'),
        ('"\\/é😀', '"\\"\\\\/é😀"'),
        ("a\ud800b", r'"a\ufffdb"'),
    ],
)
def test_a_text(value: str, written: str) -> None:
    """Safe in HTML and JavaScript; control characters by their short names; half a pair is no character."""
    assert encode_text(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-06, "0.000001"),
        (-1.25e-05, "-0.0000125"),
        (1e-07, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (-1.6981661319732666, "-1.6981661319732666"),
    ],
)
def test_a_number(value: float, written: str) -> None:
    """The fewest digits, without an exponent from a millionth to 10^21."""
    assert encode_number(value) == written


def test_values_of_each_kind() -> None:
    """Compact, in the order that was given."""
    assert encode_json({"b": [None, True, False, 1, "x"], "a": {}}) == '{"b":[null,true,false,1,"x"],"a":{}}'


@pytest.mark.parametrize(
    ("value", "written"),
    [("a b", '"a b"'), ('say "x"', r'"say \"x\""'), ("\x00\n\x7f", r'"\x00\n\x7f"'), ("é\u200b", '"é\\u200b"')],
)
def test_a_quoted_text_of_a_message(value: str, written: str) -> None:
    """What cannot be seen is escaped."""
    assert quote(value) == written


@pytest.mark.parametrize(
    ("nanoseconds", "written"),
    [
        (1_795_368_924_820_680_462, "2026-11-22T17:35:24.820680462Z"),
        (1_795_368_924_820_000_000, "2026-11-22T17:35:24.82Z"),
        (1_795_368_924_000_000_000, "2026-11-22T17:35:24Z"),
    ],
)
def test_a_time(nanoseconds: int, written: str) -> None:
    """With nanoseconds, and without zeros at their end."""
    assert format_timestamp(nanoseconds) == written

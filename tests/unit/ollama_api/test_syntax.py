"""A body that is no JSON is refused in Go's words."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_api.syntax import find_problem

CUT = "unexpected EOF"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{", CUT),
        ('{"a"', CUT),
        ('{"a":', CUT),
        ('{"a":"x', CUT),
        ('{"a":"x\\', CUT),
        ('{"a":"\\u12', CUT),
        ("[1,", CUT),
        ("tru", CUT),
        ("-", CUT),
        ("1.", CUT),
        ("1e", CUT),
        ("not json", "invalid character 'o' in literal null (expecting 'u')"),
        ("trux", "invalid character 'x' in literal true (expecting 'e')"),
        ("False", "invalid character 'F' looking for beginning of value"),
        ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("{,}", "invalid character ',' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":}', "invalid character '}' looking for beginning of value"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("[1 2]", "invalid character '2' after array element"),
        ('{"a":01}', "invalid character '1' after object key:value pair"),
        ('{"a":1.}', "invalid character '}' after decimal point in numeric literal"),
        ('{"a":-}', "invalid character '}' in numeric literal"),
        ('{"a":1e}', "invalid character '}' in exponent of numeric literal"),
        ('{"a":+1}', "invalid character '+' looking for beginning of value"),
        ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
        ('{"a":"\x01"}', r"invalid character '\x01' in string literal"),
        ('{"a":"\n"}', r"invalid character '\n' in string literal"),
        ('{"a":"\\x"}', "invalid character 'x' in string escape code"),
        ('{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"),
        ("\\", r"invalid character '\\' looking for beginning of value"),
        ("\ufeff{}", "invalid character 'ï' looking for beginning of value"),
        ("é", "invalid character 'Ã' looking for beginning of value"),
    ],
)
def test_the_first_wrong_byte_is_named(body: str, problem: str) -> None:
    """With what was expected there, or that the body ends too early."""
    assert find_problem(body.encode()) == problem


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    )
)
def test_json_has_no_problem(value: object) -> None:
    """Whatever follows it."""
    written = json.dumps(value)
    assert find_problem(written.encode()) == ""
    if isinstance(value, dict | list | str):
        assert find_problem(f" {written} garbage".encode()) == ""


@settings(max_examples=25)  # each has a hundred cuts
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.integers() | st.booleans()), min_size=1
    )
)
def test_a_cut_object_is_cut(value: object) -> None:
    """At whatever byte."""
    written = json.dumps(value).encode()
    assert {find_problem(written[:end]) for end in range(1, len(written))} == {CUT}

"""JSON on its way into Redis: what goes in comes out, in every reader."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from llamaq.vocabulary.wire import dump_members, dumps

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain)
def test_what_goes_in_comes_out(value: object) -> None:
    """Also in a parser that is strict about characters."""
    assert json.loads(dumps(value)) == value
    assert from_json(dumps(value).encode()) == value or isinstance(value, int | float | list | dict)


@given(st.text(st.characters()))
def test_half_a_surrogate_pair_never_breaks_a_reader(text: str) -> None:
    """A model's tokens may be cut inside a character: what cannot be carried becomes U+FFFD, the rest stays."""
    found = from_json(dumps(text).encode())

    assert found == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_two_halves_in_one_text_are_a_whole() -> None:
    """Joined in one flush, the halves of a pair are the character that was meant."""
    assert dumps("\ud83d" + "\ude00") == '"😀"'
    assert dumps("\ud83d!") == '"\ufffd!"'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), {"a": [float("nan")]}])
def test_what_json_has_no_word_for_is_refused(value: object) -> None:
    """Written as `NaN` it would break every reader but Python's."""
    with pytest.raises(ValueError, match="JSON"):
        dumps(value)


def test_it_is_compact_and_readable() -> None:
    """No blanks, and letters as themselves."""
    assert dumps({"a": [1, "é", None]}) == '{"a":[1,"é",None]}'.replace("None", "null")


def test_members_are_an_object_without_its_braces() -> None:
    """What is None is left out; nothing at all is the empty string."""
    assert dump_members(a=1, b=None, c={"d": None}) == '"a":1,"c":{"d":null}'
    assert dump_members(a=None) == dump_members() == ""

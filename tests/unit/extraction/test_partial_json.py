"""JSON that is still being written: any part of it has a value, which only grows."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llamaq.extraction.partial_json import NOTHING, GrowingJson, Unfinished

unhurried = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _is_part(less: Any, more: Any) -> bool:
    """Whether the second can have grown out of the first."""
    match less, more:
        case str(), str():
            return more.startswith(less)
        case list(), list():
            return len(less) <= len(more) and all(_is_part(a, b) for a, b in zip(less, more, strict=False))
        case dict(), dict():
            return all(name in more and _is_part(part, more[name]) for name, part in less.items())
        case _:
            return less is NOTHING or (less == more and type(less) is type(more))


def _steps(text: str) -> list[Any]:
    growing = GrowingJson()
    steps = [growing.value()]
    for char in text:
        growing.add(char)
        steps.append(growing.value())
    return steps


@unhurried
@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_any_part_of_valid_json_is_a_part_of_its_value(value: Any, ascii_only: bool, indent: int | None) -> None:
    """Cut wherever one likes, inside a number, an escape, a key: it is in the whole, and it never shrinks."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    steps = _steps(text)

    assert all(_is_part(step, value) for step in steps)
    assert all(_is_part(before, after) for before, after in pairwise(steps))


@unhurried
@given(values)
def test_a_whole_object_is_given_whole(value: Any) -> None:
    """At the last brace nothing is missing."""
    assert _steps(json.dumps({"a": value}))[-1] == {"a": value}


@unhurried
@given(st.text(), st.integers(1, 5))
def test_whatever_a_model_says_nothing_is_raised(text: str, size: int) -> None:
    """No JSON has no value; and pieces of any size give what one piece gives."""
    whole, pieces = GrowingJson(), GrowingJson()
    whole.add(text)
    for start in range(0, len(text), size):
        pieces.add(text[start : start + size])

    assert whole.value() == pieces.value()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 19', {}),
        ('{"a": 19,', {"a": 19}),
        ('{"a": -1.5e', {}),
        ('{"a": "19', {"a": "19"}),
        ('{"a": "x\\', {"a": "x"}),
        ('{"a": "x\\u00', {"a": "x"}),
        ('{"a": "\\ud83d', {"a": ""}),
        ('{"a": "\\ud83d\\ude00', {"a": "\U0001f600"}),
        ('{"a": tru', {}),
        ('{"a": true', {"a": True}),
        ('{"a": {"b": [1, 2', {"a": {"b": [1]}}),
        ('{"key', {}),
        ('{"key": ', {}),
        ("[[", [[]]),
        ("19", NOTHING),
        ("", NOTHING),
        ("Sure! Here", NOTHING),
        ("[" * 5000, NOTHING),
    ],
)
def test_what_is_cut_is_left_out_but_for_text(text: str, value: Any) -> None:
    """A number whose next digit is to come, half a word, half a key and half an escape."""
    growing = GrowingJson()
    growing.add(text)

    assert growing.value() == value


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [('{"a": "x', True), ('{"a": "x"', False), ('{"a": "x", "b', False), ('["x', True), ('["x", {"b": "', True)],
)
def test_a_text_that_may_grow_is_marked(text: str, unfinished: bool) -> None:
    """Only the one at the very end, and not while a key is being written."""
    growing = GrowingJson()
    growing.add(text)
    value = growing.value(mark=True)
    while isinstance(value, dict | list):
        value = list(value.values())[-1] if isinstance(value, dict) else value[-1]

    assert isinstance(value, Unfinished) == unfinished


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":"x","b":2,"a":"un', {"a": Unfinished("un"), "b": 2}),
        ('{"a":"x","b":[],"a":"un', {"a": Unfinished("un"), "b": []}),
        ('{"a":"x","b":{},"a":"un', {"a": Unfinished("un"), "b": {}}),
        ('{"a":"x","b":null,"a":["un', {"a": [Unfinished("un")], "b": None}),
        ('[{"a":"x","b":"y","a":"un', [{"a": Unfinished("un"), "b": "y"}]),
        ('{"a":{"c":1,"d":"x"},"a":{"d":"y', {"a": {"d": Unfinished("y")}}),
        ('{"a":"x","b":"y","a":"x', {"a": "x", "b": "y"}),
    ],
)
def test_a_key_given_twice_is_marked_where_it_stands(text: str, value: object) -> None:
    """It keeps its first place, so that the text that may grow need not be the last one."""
    growing = GrowingJson()
    growing.add(text)

    assert repr(growing.value(mark=True)) == repr(value)
    assert _unfinished(growing.value(mark=True)) == _unfinished(value)


def _unfinished(value: object) -> list[str]:
    if isinstance(value, dict | list):
        return [text for each in (value.values() if isinstance(value, dict) else value) for text in _unfinished(each)]
    return [value] if isinstance(value, Unfinished) else []

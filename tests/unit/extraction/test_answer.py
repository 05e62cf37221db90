"""The value of an answer that is not JSON alone: read out where exactly one can be meant, and never guessed."""

import json
from typing import Any

import pytest

from llamaq.extraction import answer
from llamaq.extraction.partial_json import GrowingJson

BOOK: dict[str, Any] = {"title": "Dune", "year": 1965}
JSON = json.dumps(BOOK)
CODE = {"title": '```json\n{}\n``` and } or ] and \\" {', "year": 1}
ONE = [
    f"```json\n{JSON}\n```",
    f"```\n{JSON}\n```\n",
    f"~~~\n{JSON}\n~~~",
    f"````JSON\r\n{JSON}\r\n````",
    f"```json\n{JSON}",
    f"{JSON}\n```",
    f"\ufeff{JSON}",
    f"\n\ufeff```json\n\ufeff{JSON}\n```",
    f"Sure! Here is the JSON you asked for:\n\n{JSON}\n\nLet me know if you need more.",
    f"<think>\nMaybe {{}} or {JSON}?\n</think>\n\n{JSON}",
    f"Maybe [] or {JSON}?\n</think>\n{JSON}",
    f"\n<think></think>```json\n{JSON}\n```",
    f"<thinking>a {{draft}} ]</thinking>{JSON}",
    f"[THINK]{JSON}[/THINK]{JSON}",
    f"As the text says [1], the book [sic] is this {{see below}}: {JSON}",
    f'As in the "source": {JSON}.',
]
NONE = [
    "",
    "The title is Dune and the year is 1965.",
    "<think>\nI wonder.",
    f"<think>\nI wonder, {JSON}",
    f"Let me see. <think> {JSON}",
    f"{JSON} </think> I cannot say.",
    f"{JSON}\n{JSON}",
    f"For example {{}}. The answer: {JSON}",
    f"Draft: {JSON[:-1]},}}\nFinal: {JSON}",
    f"Draft: {JSON[:-8]}\nFinal: {JSON}",
    f"[{JSON}, {JSON[:-1]}",
    f"{{'book': {JSON}}}",
    f"{{book: {JSON}}}",
    f"[{JSON},]",
    f"{JSON}}}",
    f"{{{JSON}}}",
    f"[[1, 2,], {JSON}]",
    f"Result: {JSON} :]",
    '```json\n{"a": NaN}\n```',
    'Here: {"a": 1e999}',
    "Here: " + "[" * 300 + "]" * 300,
]


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


@pytest.mark.parametrize("text", ONE)
def test_the_one_value_of_an_answer_is_read_out_ollama_15416_10929(text: str) -> None:
    """Out of a fence, behind a byte order mark and thinking, with words around it."""
    assert answer.read_value(text, _is_object) == BOOK


@pytest.mark.parametrize("text", NONE)
def test_where_none_or_several_may_be_meant_nothing_is_guessed(text: str) -> None:
    """Two values, a draft that is broken, a part of something larger: the model is asked again."""
    with pytest.raises(ValueError, match=r"."):
        answer.read_value(text, _is_object)


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Here:\n{}\nDone."])
def test_brackets_and_fences_inside_of_strings_do_not_end_a_value(around: str) -> None:
    """A string may hold anything."""
    assert answer.read_value(around.replace("{}", json.dumps(CODE)), _is_object) == CODE


@pytest.mark.parametrize(
    ("text", "value"), [("```\n42\n```", 42), ('<think>x</think>\n"a"', "a"), ("\ufefftrue", True)]
)
def test_a_bare_word_or_number_is_read_where_nothing_else_is_there(text: str, value: Any) -> None:
    """In running text it is none: which of several numbers would be meant?"""
    assert answer.read_value(text, lambda _: True) == value
    with pytest.raises(ValueError, match=r"."):
        answer.read_value(f"The answer is {value}.", lambda _: True)


def test_a_cut_answer_has_to_be_json_alone() -> None:
    """What would have come behind the limit may have been the value that is meant."""
    assert answer.read_value(f"\ufeff{JSON}\n\n\n", _is_object, cut=True) == BOOK
    with pytest.raises(ValueError, match=r"."):
        answer.read_value(f"An example is {JSON}", _is_object, cut=True)


@pytest.mark.parametrize("text", ["[" * 300_000, "[a]" * 100_000, '{"' * 150_000, '["\\' * 100_000, "<think>" * 40_000])
def test_a_hostile_answer_costs_no_more_than_its_length(text: str) -> None:
    """Each character is looked at a few times, whatever brackets and quotes there are."""
    with pytest.raises(ValueError, match=r"."):
        answer.read_value(text, _is_object)
    GrowingJson().add(text)


@pytest.mark.parametrize("text", [text for text in ONE if not text.startswith(("Maybe", "As the"))])
def test_the_growing_object_is_that_of_the_value(text: str) -> None:
    """Nothing of fences, words or thinking, and the whole at the end; pieces of any size give the same."""
    growing, whole = GrowingJson(), GrowingJson()
    whole.add(text)
    for char in text:
        growing.add(char)

    assert growing.value() == whole.value() == BOOK

"""Thinking in the text of a model that thinks: split off, however the pieces are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.attempt.thinking import MOST_HELD, ThinkingSplitter

SPLIT = [
    ("<think>why</think>because", "because", "why"),
    ("\n<think>\nwhy\n</think>\n\nbecause\n", "because\n", "why\n"),
    ("<think></think>\n\nbecause", "because", ""),
    ("<think>a < b </thin</think>c", "c", "a < b </thin"),
    ("<think>why", "", "why"),
    ("<think>why</thi", "", "why</thi"),
    ("<think>a</think> <think>b</think> c", "c", "ab"),
    ("[THINK]why[/THINK]because", "because", "why"),
    ("<thinking>why</think></thinking>because", "because", "why</think>"),
    ("  because", "  because", ""),
    ("<thin air> is not <think>", "<thin air> is not <think>", ""),
    ("Write <think> and </think> around it.", "Write <think> and </think> around it.", ""),
    ("<", "<", ""),
    (" \n", " \n", ""),
    ("", "", ""),
    ("<think>a</think>\n<thi", "<thi", "a"),
    (" " * MOST_HELD + "\n<think>x", " " * MOST_HELD + "\n<think>x", ""),
]


def _split(pieces: list[str]) -> tuple[str, str]:
    splitter = ThinkingSplitter()
    parts = [splitter.split_piece(piece, "") for piece in pieces] + [splitter.flush()]
    return "".join(text for text, _ in parts), "".join(thinking for _, thinking in parts)


@pytest.mark.parametrize(("said", "text", "thinking"), SPLIT)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 10_000])
def test_tags_are_split_off_wherever_the_pieces_end_open_webui_9417(
    said: str, text: str, thinking: str, size: int
) -> None:
    """At the beginning of an answer alone; further on they are what the answer is about."""
    pieces = [said[start : start + size] for start in range(0, len(said), size)]
    if len(said) > MOST_HELD and size > 1:
        pieces = list(said)

    assert _split(pieces) == (text, thinking)


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "think", ">", "</", " ", "\n", "a", "[THINK]", "[/THINK]"]))
)
def test_pieces_of_any_size_give_the_same(parts: list[str]) -> None:
    """And no character but tags and the white space around them is lost."""
    said = "".join(parts)
    text, thinking = _split(parts)

    assert _split(list(said)) == _split([said]) == (text, thinking)
    assert _split([text]) == (text, "") or thinking
    if not thinking and text:
        assert said.endswith(text)


def test_what_ollama_has_split_is_left_alone() -> None:
    """Then a tag at the beginning of the text is a part of the answer."""
    splitter = ThinkingSplitter()

    assert splitter.split_piece("", "why") == ("", "why")
    assert splitter.split_piece("<think> is a tag", "") == ("<think> is a tag", "")
    assert splitter.flush() == ("", "")


def test_text_is_not_held_back_longer_than_a_tag_may_follow() -> None:
    """A reader gets the first word as soon as it is known to be text."""
    splitter = ThinkingSplitter()

    assert [splitter.split_piece(piece, "")[0] for piece in ("<th", "e", " end")] == ["", "<the", " end"]

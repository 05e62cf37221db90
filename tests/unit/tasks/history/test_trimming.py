"""Trimming of a history: property tests, and the figures that scale its estimates."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamaq.vocabulary.conversations import MessageDict
from tasks.history.trimming import (
    ANSWER_TOKENS,
    IMAGE_TOKENS,
    LARGEST_SCALE,
    SMALLEST_SCALE,
    Fitting,
    estimated_tokens,
    scale_of,
    trim,
)

_CALL = {"function": {"name": "f", "arguments": {"a": 1}}}


@st.composite
def messages(draw: st.DrawFn) -> MessageDict:
    """A message of any role, with or without images and calls."""
    said: MessageDict = {
        "role": draw(st.sampled_from(("system", "user", "assistant", "tool"))),
        "content": draw(st.text(max_size=60)),
    }
    if draw(st.integers(0, 9)) == 0:
        said["images"] = ["base64"] * draw(st.integers(1, 2))
    if said["role"] == "assistant" and draw(st.booleans()):
        said["tool_calls"] = [_CALL]
    return said


# No test asserts a speed, so none has a deadline.
QUIETLY = settings(deadline=None, max_examples=100)
HISTORIES = st.lists(messages(), max_size=12)
ROOMS = st.floats(-100, 3000)
SCALES = st.floats(SMALLEST_SCALE, LARGEST_SCALE)


def _indices(whole: list[MessageDict], part: list[MessageDict]) -> list[int]:
    """Which of them were kept, by identity: equal messages may well come twice."""
    places = {id(message): index for index, message in enumerate(whole)}
    return [places[id(message)] for message in part]


def _total(part: list[MessageDict], scale: float) -> float:
    return estimated_tokens(part) * scale


@QUIETLY
@given(HISTORIES, ROOMS, SCALES)
def test_whole_messages_go_from_the_oldest_on(history: list[MessageDict], room: float, scale: float) -> None:
    """What stays is in its order and unchanged: all of the system's, and an unbroken end of the others."""
    trimmed = trim(history, room, scale)

    kept = _indices(history, trimmed.messages)
    others = [index for index, said in enumerate(history) if said["role"] != "system"]
    assert kept == sorted(kept)
    assert {index for index, said in enumerate(history) if said["role"] == "system"} <= set(kept)
    assert [index for index in kept if index in others] == others[trimmed.dropped :]
    assert len(history) == len(kept) + trimmed.dropped


@QUIETLY
@given(HISTORIES, ROOMS, SCALES)
def test_it_fits_or_nothing_is_left_that_may_go(history: list[MessageDict], room: float, scale: float) -> None:
    """No message stays that has no room."""
    trimmed = trim(history, room, scale)

    left = [said for said in trimmed.messages if said["role"] != "system"]
    assert _total(trimmed.messages, scale) <= room + 1e-6 or not left


@QUIETLY
@given(HISTORIES, ROOMS, SCALES)
def test_no_more_goes_than_must(history: list[MessageDict], room: float, scale: float) -> None:
    """With the last message that went there would be too much, unless it answered a call that is gone."""
    trimmed = trim(history, room, scale)
    others = [said for said in history if said["role"] != "system"]

    gone = others[: trimmed.dropped]
    while gone and gone[-1]["role"] == "tool" and len(gone) > 1:
        gone.pop()
    if gone:
        behind = others[len(gone) :]
        systems = [said for said in history if said["role"] == "system"]
        assert _total([*systems, gone[-1], *behind], scale) > room - 1e-6


@QUIETLY
@given(HISTORIES, ROOMS, st.floats(0, 1000), SCALES)
def test_more_room_never_keeps_less(history: list[MessageDict], room: float, more: float, scale: float) -> None:
    """Monotone in the room."""
    assert trim(history, room + more, scale).dropped <= trim(history, room, scale).dropped


@QUIETLY
@given(HISTORIES, ROOMS, SCALES)
def test_no_answer_of_a_tool_is_left_without_its_call(history: list[MessageDict], room: float, scale: float) -> None:
    """Once something has gone, what stays does not begin with one."""
    trimmed = trim(history, room, scale)

    others = [said for said in trimmed.messages if said["role"] != "system"]
    assert not trimmed.dropped or not others or others[0]["role"] != "tool"


@QUIETLY
@given(HISTORIES, st.lists(messages(), min_size=1, max_size=3), st.integers(1, 3000), st.booleans())
def test_what_must_stay_stays(
    history: list[MessageDict], new: list[MessageDict], length: int, instructed: bool
) -> None:
    """The system message first, the new messages last, however small the context; and tightening comes to an end."""
    system = [{"role": "system", "content": "Be kind."}] if instructed else []
    fitting = Fitting(system, history, new, length=length)

    rounds = 0
    while fitting.tighten(None if rounds % 2 else 10 * length, length if rounds % 3 else None):
        rounds += 1
        assert rounds <= len(history)
        assert fitting.messages[: len(system)] == system
        assert fitting.messages[-len(new) :] == new
    assert fitting.dropped + len(fitting.messages) == len(system) + len(history) + len(new)
    answered = int(new[0]["role"] == "tool" and bool(history) and "tool_calls" in history[-1])
    assert fitting.dropped == sum(said["role"] != "system" for said in history[: len(history) - answered])


@QUIETLY
@given(HISTORIES, st.lists(messages(), min_size=1, max_size=3))
def test_an_unknown_length_leaves_nothing_out(history: list[MessageDict], new: list[MessageDict]) -> None:
    """Then only Ollama can tell, and it is asked with all."""
    assert Fitting([], history, new, length=None).messages == [*history, *new]


def test_an_image_counts() -> None:
    """As many tokens as Ollama itself takes it for."""
    assert (
        estimated_tokens([{"content": "x", "images": ["a", "b"]}]) - estimated_tokens([{"content": "x"}])
        == 2 * IMAGE_TOKENS
    )


def _talk(turns: int, words: int = 50) -> list[MessageDict]:
    text = "word " * words
    pair: list[MessageDict] = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    return [dict(said) for _ in range(turns) for said in pair]


@pytest.mark.parametrize("true_scale", [0.4, 1.0, 2.5])
def test_the_last_count_scales_the_estimates(true_scale: float) -> None:
    """What Ollama counted of a history scales its estimate, and the next turn fits the context."""
    history = _talk(20)
    history[-1]["usage"] = {"prompt_tokens": round(true_scale * estimated_tokens(history[:-1])), "output_tokens": 1}
    new: list[MessageDict] = [{"role": "user", "content": "word " * 50}]
    length = round(true_scale * estimated_tokens([*history, *new]) / 2)

    fitting = Fitting([], history, new, length=length)

    true = true_scale * estimated_tokens(fitting.messages)
    room = length - 1 - min(ANSWER_TOKENS, length // 4)
    assert room - 2.1 * true_scale * estimated_tokens(new[:1]) <= true <= room * 1.01


def test_the_last_count_is_of_what_was_sent() -> None:
    """Messages that were left out then are not in the count, and the tools are."""
    history = _talk(4)
    tools = [{"type": "function", "function": {"name": "f"}}]
    tools_tokens = 20.0
    sent = tools_tokens + estimated_tokens(history[2:-1])
    history[-1] |= {"usage": {"prompt_tokens": round(1.5 * sent)}, "history_dropped": 2}

    assert scale_of([], history, tools_tokens) == pytest.approx(1.5, abs=0.01)
    fitting = Fitting([], history, [{"role": "user", "content": "x"}], length=10_000, tools=tools)
    assert fitting.dropped == 0


@pytest.mark.parametrize(("counted", "scale"), [(1, SMALLEST_SCALE), (10**9, LARGEST_SCALE), (None, 1.0), (0, 1.0)])
def test_a_count_that_cannot_be_right_is_bounded(counted: Any, scale: float) -> None:
    """One of a prompt that was cached, say."""
    history = _talk(2)
    history[-1]["usage"] = {"prompt_tokens": counted}

    assert scale_of([], history) == scale


def test_ollamas_refusal_is_believed() -> None:
    """It tells what it counted and what it holds: what is sent next fits that, without going down step by step."""
    history, new = _talk(30), _talk(1)[:1]
    fitting = Fitting([], history, new, length=None)
    prompt = round(3 * estimated_tokens(fitting.messages))

    assert fitting.tighten(prompt, 2048)

    assert 0.5 * 2048 < 3 * estimated_tokens(fitting.messages) <= 2048


def test_room_is_left_for_the_answer() -> None:
    """As much as `num_predict` asks for, but never more than a quarter of the context."""
    history, new = _talk(40), _talk(1)[:1]
    sent = {
        tokens: estimated_tokens(Fitting([], history, new, length=2000, answer_tokens=tokens).messages)
        for tokens in (100, None, -1, 100_000)
    }

    assert sent[100] > sent[None] == sent[-1] == sent[100_000]
    assert sent[100] <= 1900
    assert sent[100_000] > 1300


def test_a_tools_answer_keeps_its_call() -> None:
    """The call that the new messages answer stays, even where nothing else of the history does."""
    history: list[MessageDict] = [*_talk(3), {"role": "assistant", "content": "", "tool_calls": [_CALL]}]
    new: list[MessageDict] = [{"role": "tool", "content": "11 degrees"}]

    fitting = Fitting([], history, new, length=10)

    assert (fitting.messages, fitting.dropped) == ([history[-1], *new], 6)
    assert not fitting.tighten(100, 10)

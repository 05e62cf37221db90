"""Trimming of a history: property tests, and the figures that scale its estimates."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamaq.vocabulary.conversations import MessageObject
from tasks.history.trimming import (
    ANSWER_TOKENS,
    IMAGE_TOKENS,
    LARGEST_SCALE,
    SHARED,
    SMALLEST_SCALE,
    Fitting,
    drop_order,
    estimate_scale,
    estimate_tokens,
    trim,
)

_CALL = {"function": {"name": "f", "arguments": {"a": 1}}}


@st.composite
def messages(draw: st.DrawFn) -> MessageObject:
    """A message of any role, with or without images and calls."""
    said: MessageObject = {
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


def _indices(whole: list[MessageObject], part: list[MessageObject]) -> list[int]:
    """Which of them were kept, by identity: equal messages may well come twice."""
    places = {id(message): index for index, message in enumerate(whole)}
    return [places[id(message)] for message in part]


def _total(part: list[MessageObject], scale: float) -> float:
    return estimate_tokens(part) * scale


NEW = st.lists(messages(), max_size=3)


@QUIETLY
@given(HISTORIES, ROOMS, SCALES, NEW)
def test_groups_go_whole_and_in_their_order(
    history: list[MessageObject], room: float, scale: float, new: list[MessageObject]
) -> None:
    """What stays is in its order and unchanged; what goes is a beginning of the groups that may go."""
    trimmed = trim(history, room, scale, new=new)

    kept = _indices(history, trimmed.messages)
    gone: set[int] = set()
    for group in drop_order(history, new):
        if len(gone) < trimmed.dropped:
            gone.update(group)
    assert kept == [index for index in range(len(history)) if index not in gone]
    assert len(history) == len(kept) + trimmed.dropped


@QUIETLY
@given(HISTORIES, ROOMS, SCALES, NEW)
def test_it_fits_or_nothing_is_left_that_may_go(
    history: list[MessageObject], room: float, scale: float, new: list[MessageObject]
) -> None:
    """No message stays that has no room, and no group goes without need."""
    trimmed = trim(history, room, scale, new=new)

    groups = drop_order(history, new)
    assert _total(trimmed.messages, scale) <= room + 1e-6 or trimmed.dropped == sum(map(len, groups))
    if trimmed.dropped:
        last = next(group for group in reversed(groups) if not set(group) & set(_indices(history, trimmed.messages)))
        back = trim(history, float("inf"), scale, trimmed.dropped - len(last), new)
        assert _total(back.messages, scale) > room - 1e-6


@QUIETLY
@given(HISTORIES, ROOMS, st.floats(0, 1000), SCALES)
def test_more_room_never_keeps_less(history: list[MessageObject], room: float, more: float, scale: float) -> None:
    """Monotone in the room."""
    assert trim(history, room + more, scale).dropped <= trim(history, room, scale).dropped


@QUIETLY
@given(HISTORIES, ROOMS, SCALES, NEW)
def test_ra_aid_80_what_is_sent_begins_with_a_question(
    history: list[MessageObject], room: float, scale: float, new: list[MessageObject]
) -> None:
    """Once something has gone, no answer and no tool comes first, where anybody has asked anything (RA.Aid#80)."""
    trimmed = trim(history, room, scale, new=new)
    sent = [said for said in (*trimmed.messages, *new) if said["role"] != "system"]
    asked = any(said["role"] == "user" for said in history)

    if trimmed.dropped and asked and sent:
        assert sent[0]["role"] == "user"


@QUIETLY
@given(HISTORIES, NEW)
def test_ollama_18107_the_last_question_stays(history: list[MessageObject], new: list[MessageObject]) -> None:
    """However small the context is, in a loop of tools too (ollama#18107, holon#2829)."""
    questions = [said for said in (*history, *new) if said["role"] == "user"]

    sent = [*trim(history, 0, new=new).messages, *new]

    assert not questions or not new or any(said is questions[-1] for said in sent)


@QUIETLY
@given(HISTORIES, ROOMS, SCALES, NEW)
def test_no_answer_of_a_tool_is_left_without_its_call(
    history: list[MessageObject], room: float, scale: float, new: list[MessageObject]
) -> None:
    """Where a message behind a call stays, the call does; nor is a call left without the answers that it had."""
    kept = set(_indices(history, trim(history, room, scale, new=new).messages))

    for index, said in enumerate(history[1:], 1):
        if said["role"] == "tool" and history[index - 1]["role"] in ("assistant", "tool"):
            assert (index in kept) == (index - 1 in kept)


@QUIETLY
@given(HISTORIES, st.lists(messages(), min_size=1, max_size=3), st.integers(1, 3000), st.booleans())
def test_what_must_stay_stays(
    history: list[MessageObject], new: list[MessageObject], length: int, instructed: bool
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
    assert fitting.dropped == sum(map(len, drop_order(history, new)))


@QUIETLY
@given(HISTORIES, st.lists(messages(), min_size=1, max_size=3))
def test_an_unknown_length_leaves_nothing_out(history: list[MessageObject], new: list[MessageObject]) -> None:
    """Then only Ollama can tell, and it is asked with all."""
    assert Fitting([], history, new, length=None).messages == [*history, *new]


def test_an_image_counts() -> None:
    """As many tokens as Ollama itself takes it for."""
    assert (
        estimate_tokens([{"content": "x", "images": ["a", "b"]}]) - estimate_tokens([{"content": "x"}])
        == 2 * IMAGE_TOKENS
    )


def _talk(turns: int, words: int = 50) -> list[MessageObject]:
    text = "word " * words
    pair: list[MessageObject] = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    return [dict(said) for _ in range(turns) for said in pair]


@pytest.mark.parametrize("true_scale", [0.4, 1.0, 2.5])
def test_the_last_count_scales_the_estimates(true_scale: float) -> None:
    """What Ollama counted of a history scales its estimate, and the next turn fits the context."""
    history = _talk(20)
    history[-1]["usage"] = {"prompt_tokens": round(true_scale * estimate_tokens(history[:-1])), "output_tokens": 1}
    new: list[MessageObject] = [{"role": "user", "content": "word " * 50}]
    length = round(true_scale * estimate_tokens([*history, *new]) / 2)

    fitting = Fitting([], history, new, length=length)

    true = true_scale * estimate_tokens(fitting.messages)
    room = SHARED * (length - 1 - min(ANSWER_TOKENS, length // 4))
    assert room - 2.1 * true_scale * estimate_tokens(new[:1]) <= true <= room * 1.01


def test_the_last_count_is_of_what_was_sent() -> None:
    """Messages that were left out then are not in the count, and the tools are."""
    history = _talk(4)
    tools = [{"type": "function", "function": {"name": "f"}}]
    tools_tokens = 20.0
    sent = tools_tokens + estimate_tokens(history[2:-1])
    history[-1] |= {"usage": {"prompt_tokens": round(1.5 * sent)}, "history_dropped": 2}

    assert estimate_scale([], history, tools_tokens) == pytest.approx(1.5, abs=0.01)
    fitting = Fitting([], history, [{"role": "user", "content": "x"}], length=10_000, tools=tools)
    assert fitting.dropped == 0


@pytest.mark.parametrize(("counted", "scale"), [(1, SMALLEST_SCALE), (10**9, LARGEST_SCALE), (None, 1.0), (0, 1.0)])
def test_a_count_that_cannot_be_right_is_bounded(counted: Any, scale: float) -> None:
    """One of a prompt that was cached, say."""
    history = _talk(2)
    history[-1]["usage"] = {"prompt_tokens": counted}

    assert estimate_scale([], history) == scale


def test_ollamas_refusal_is_believed() -> None:
    """It tells what it counted and what it holds: what is sent next fits that, without going down step by step."""
    history, new = _talk(30), _talk(1)[:1]
    fitting = Fitting([], history, new, length=None)
    prompt = round(3 * estimate_tokens(fitting.messages))

    assert fitting.tighten(prompt, 2048)

    assert 0.35 * 2048 < 3 * estimate_tokens(fitting.messages) <= 2048


def test_room_is_left_for_the_answer() -> None:
    """As much as `num_predict` asks for, but never more than a quarter of the context."""
    history, new = _talk(40), _talk(1)[:1]
    sent = {
        tokens: estimate_tokens(Fitting([], history, new, length=2000, answer_tokens=tokens).messages)
        for tokens in (100, None, -1, 100_000)
    }

    assert sent[100] > sent[None] == sent[-1] == sent[100_000]
    assert sent[100] <= 1900
    assert sent[100_000] > SHARED * 1300


def test_a_tools_answer_keeps_its_call() -> None:
    """The call that the new messages answer stays, and the question before it, even where nothing else does."""
    history: list[MessageObject] = [*_talk(3), {"role": "assistant", "content": "", "tool_calls": [_CALL]}]
    new: list[MessageObject] = [{"role": "tool", "content": "11 degrees"}]

    fitting = Fitting([], history, new, length=10)

    assert (fitting.messages, fitting.dropped) == ([history[4], history[-1], *new], 5)
    assert not fitting.tighten(100, 10)


def _turns(number: int, length: int, true_scale: float = 1.1) -> list[Fitting]:
    """A talk of so many turns, each with the history that the turns before it have left."""
    history: list[MessageObject] = []
    fittings = []
    for turn in range(number):
        text = f"{turn} " + "word " * (20 + turn * 7 % 30)
        new: list[MessageObject] = [{"role": "user", "content": text}]
        fittings.append(fitting := Fitting([], list(history), new, length=length))
        prompt = round(true_scale * estimate_tokens(fitting.messages)) + turn % 3
        answer: MessageObject = {"role": "assistant", "content": text, "usage": {"prompt_tokens": prompt}}
        history += [*new, answer | ({"history_dropped": fitting.dropped} if fitting.dropped else {})]
    return fittings


def test_most_turns_beyond_the_context_share_the_beginning_of_the_turn_before() -> None:
    """So the engine evaluates the new messages alone; each turn fits, and drops no more than it has to share."""
    fittings = _turns(60, 1024)

    beyond = [fitting for fitting in fittings if fitting.dropped]
    first = [fitting.messages[0] for fitting in beyond]
    shared = sum(before is after for before, after in pairwise(first))
    assert len(beyond) > 40
    assert shared > 0.5 * len(first)
    for fitting in beyond:
        assert fitting.messages[0]["role"] == "user"
        assert 0.5 * 768 < 1.1 * estimate_tokens(fitting.messages) <= 768 * 1.1


def test_a_longer_context_gets_its_history_back() -> None:
    """What was dropped for a short one is not dropped for ever."""
    short = _turns(30, 512)[-1]
    history = [*short._history]

    fitting = Fitting([], history, [{"role": "user", "content": "x"}], length=1024)

    assert 0 < fitting.dropped < short.dropped
    assert Fitting([], history, [{"role": "user", "content": "x"}], length=100_000).dropped == 0

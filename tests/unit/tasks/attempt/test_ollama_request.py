"""What Ollama is asked, and how its answer is read."""

from typing import Any

import pytest

from llamaq.store.worker.outcome import Completed
from llamaq.vocabulary.requests import dump_json, parse
from tasks.attempt.ollama_request import Reply, build_body, sum_figures
from tasks.attempt.stoppable import AttemptStopped
from tasks.input_policy.policy import InputPolicy
from tasks.registry import run
from tests.unit.tasks.ollama import EventBuffer, Ollama, chat_answer, claimed, context

USER = [{"role": "user", "content": "x"}]


def _run(ollama: Ollama, transcript: EventBuffer | None = None, **fields: Any) -> Any:
    request = parse({"model": "m", **fields})
    return run(claimed(request.kind, dump_json(request)), context(ollama, transcript))


def _request(**fields: Any) -> Any:
    return parse({"kind": "generate", "model": "m", "prompt": "x", **fields})


def test_only_what_was_set_is_sent() -> None:
    """Beside the model, `stream`, and `truncate: false`, without which Ollama cuts a long prompt without a word."""
    assert build_body(_request(), prompt="x", system=None) == {
        "model": "m:latest",
        "stream": True,
        "truncate": False,
        "prompt": "x",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("think", False), ("think", "high"), ("keep_alive", 0), ("keep_alive", "5m"), ("keep_alive", -1)],
)
def test_a_falsy_value_is_a_value(field: str, value: Any) -> None:
    """`think: false` and `keep_alive: 0` mean something."""
    assert build_body(_request(**{field: value}))[field] == value


def test_options_are_sent_without_those_left_out() -> None:
    """And a 0 is not left out."""
    assert build_body(_request(options={"seed": 0, "stop": []}))["options"] == {"seed": 0, "stop": []}


def test_streamed_or_not_ollama_streams() -> None:
    """`stream: false` is about the events; Ollama is asked to stream, or nobody could see a stall."""
    assert build_body(_request(stream=False))["stream"] is True


def test_a_generate_answer_is_joined_and_told_as_it_comes() -> None:
    """Text and thinking apart; counts and times from the last line."""
    answer: list[dict[str, Any]] = [
        {"thinking": "hm"},
        {"response": "Hel"},
        {"response": "lo"},
        {"response": "", "done": True, "done_reason": "stop", "eval_count": 2, "load_duration": 1_500_000_000},
    ]
    transcript = EventBuffer()

    outcome = _run(Ollama(answer), transcript, kind="generate", prompt="x")

    assert isinstance(outcome, Completed)
    assert (outcome.result["text"], outcome.result["thinking"]) == ("Hello", "hm")
    assert outcome.result["usage"] == {"prompt_tokens": None, "output_tokens": 2}
    assert outcome.result["timings"] == {
        "queued": 0.5,
        "load": 1.5,
        "prompt": None,
        "output": None,
        "first_token": 1.5,
        "total": 2.5,
    }
    assert [words[:2] for words in transcript.said] == [("", "hm"), ("Hel", ""), ("lo", "")]


def test_an_answer_is_full_where_too_much_waits_to_be_written() -> None:
    """Then no more of it is read for now."""
    ollama = Ollama([{"response": "a"}, {"response": "b"}, {"response": "", "done": True}])
    _run(ollama, EventBuffer(most=2), kind="generate", prompt="x")
    assert ollama.said[0].was_full == [False, False, True]


def test_logprobs_are_told_and_kept() -> None:
    """As Ollama's objects, in the pieces and in the result; of a line without text too."""
    one, two = {"token": "a", "logprob": -1.5, "bytes": [97]}, {"token": "b", "logprob": -2.0}
    lines: list[dict[str, Any]] = [{"response": "a", "logprobs": [one]}, {"response": "", "logprobs": [two]}]
    transcript = EventBuffer()

    asked = {"logprobs": True, "top_logprobs": 2}
    outcome = _run(Ollama([*lines, {"done": True}]), transcript, kind="generate", prompt="x", **asked)

    assert outcome.result["logprobs"] == [one, two]
    assert transcript.said == [("a", "", None, [one]), ("", "", None, [two])]


@pytest.mark.parametrize(("asked", "kept"), [(None, None), ([], [1, 2]), ([7], [1, 2])])
def test_the_context_is_kept_where_it_was_asked_for(asked: list[int] | None, kept: list[int] | None) -> None:
    """It has a number for each token, so no other result has it; an empty one begins it, and is not sent."""
    ollama = Ollama([{"response": "a"}, {"done": True, "context": [1, 2]}])

    outcome = _run(ollama, kind="generate", prompt="x", context=asked)

    assert outcome.result.get("context") == kept
    assert ollama.asked[0].get("context") == (asked or None)


@pytest.mark.parametrize(("asked", "sent"), [(None, False), (False, False), (True, True)])
def test_a_prompt_is_cut_only_where_that_was_asked_for(asked: bool | None, sent: bool) -> None:
    """Ollama's own default would cut it silently."""
    assert build_body(_request(truncate=asked))["truncate"] is sent


def test_a_chat_keeps_its_tool_calls() -> None:
    """All of them, over all chunks."""
    calls = [{"function": {"name": name, "arguments": {}}} for name in "ab"]
    answer = [{"message": {"content": "", "tool_calls": [call]}} for call in calls]

    outcome = _run(Ollama([*answer, {"done": True}]), kind="chat", messages=[{"role": "user", "content": "x"}])

    assert outcome.result["message"] == {"role": "assistant", "content": "", "tool_calls": calls}
    assert outcome.turn == ()


def test_a_turn_is_what_was_said_on_both_sides() -> None:
    """The new message and the answer, with what was thought."""
    ollama = Ollama([{"message": {"content": "4", "thinking": "2+2"}}, {"done": True}])

    outcome = _run(ollama, kind="chat", conversation="c", message="2+2?")

    assert outcome.turn == (
        {"role": "user", "content": "2+2?", "job": "job"},
        {
            "role": "assistant",
            "content": "4",
            "thinking": "2+2",
            "usage": {"prompt_tokens": None, "output_tokens": None},
            "job": "job",
        },
    )


def test_a_history_of_the_producers_own_goes_out_as_it_is() -> None:
    """With its thoughts and ids: what of them the model gets, its template decides."""
    call = {"id": "call_1", "function": {"name": "f", "arguments": {}}}
    messages: list[dict[str, Any]] = [
        {"role": "assistant", "content": "", "thinking": "2+2", "tool_calls": [call]},
        {"role": "tool", "content": "", "tool_name": "f", "tool_call_id": "call_1"},
    ]
    ollama = Ollama(chat_answer("ok"))

    _run(ollama, kind="chat", messages=messages)

    assert ollama.asked[0]["messages"] == messages


def test_images_belong_to_the_last_question() -> None:
    """On the last message of the user's; with a prompt, beside it."""
    reference = "sha256:" + "0" * 64
    messages = [{"role": role, "content": "x"} for role in ("user", "assistant", "user", "assistant")]
    ollama = Ollama(chat_answer("a"), [{"response": "b"}, {"done": True}])

    asked_chat = _run(ollama, kind="multimodal", messages=messages, images=[reference], system="s")
    asked_prompt = _run(ollama, kind="multimodal", prompt="x", images=[reference])

    assert [message.get("images") for message in ollama.asked[0]["messages"]] == [
        None,
        None,
        None,
        [f"base64 of {reference}"],
        None,
    ]
    assert ollama.asked[1]["images"] == [f"base64 of {reference}"]
    assert asked_chat.result["message"]["content"] == "a"
    assert asked_prompt.result["text"] == "b"


def test_a_stopped_attempt_asks_nothing_more() -> None:
    """Cancelled before its call: Ollama is not even asked to answer."""
    request = parse({"kind": "generate", "model": "m", "prompt": "x"})
    given = context(Ollama([{"done": True}]))
    given.attempt.stop("cancelled")

    with pytest.raises(AttemptStopped):
        run(claimed("generate", dump_json(request)), given)


def test_figures_are_summed_where_there_are_any() -> None:
    """None means that no answer had one."""
    assert sum_figures([Reply(stats={"a": 1}), Reply(), Reply(stats={"a": 2})], "a") == 3
    assert sum_figures([Reply()], "a") is None


@pytest.mark.parametrize(
    ("can_think", "raw", "text", "thinking"),
    [(True, None, "b", "a"), (True, True, "<think>a</think>b", None), (False, None, "<think>a</think>b", None)],
)
def test_thinking_is_split_of_models_that_think_unless_the_request_is_raw(
    can_think: bool, raw: bool | None, text: str, thinking: str | None
) -> None:
    """Elsewhere the tags may be what the user wants."""
    ollama = Ollama([{"response": "<think>a</thi"}, {"response": "nk>b", "done": True}])
    request = parse({"kind": "generate", "model": "m", "prompt": "x", "raw": raw})
    transcript = EventBuffer()

    outcome = run(
        claimed("generate", dump_json(request)),
        context(ollama, transcript, InputPolicy(allow_raw=True), can_think=can_think),
    )

    assert isinstance(outcome, Completed)
    assert (outcome.result["text"], outcome.result["thinking"]) == (text, thinking)
    assert "".join(words[0] for words in transcript.said) == text


FUNCTION = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("fields", "can_think", "seconds"),
    [
        ({"kind": "generate", "prompt": "x"}, False, 60),
        ({"kind": "chat", "messages": USER}, False, 60),
        ({"kind": "chat", "messages": USER, "tools": [FUNCTION]}, False, 600),
        ({"kind": "chat", "messages": USER, "format": "json"}, False, 600),
        ({"kind": "extraction", "prompt": "x", "schema": {"type": "object"}}, False, 600),
        ({"kind": "chat", "messages": USER}, True, 600),
        ({"kind": "chat", "messages": USER, "think": False}, True, 60),
        ({"kind": "chat", "messages": USER, "tools": [FUNCTION], "stall_after": 60}, True, 60),
        ({"kind": "generate", "prompt": "x", "stall_after": 7}, True, 7),
    ],
)
def test_silence_may_last_where_ollama_holds_the_answer_back_ollama_13581_11633(
    fields: dict[str, Any], can_think: bool, seconds: float
) -> None:
    """A tool call, a value or a thought may come in one piece: as long as a first token. What is asked for holds."""
    ollama = Ollama([{"message": {"content": "{}"}, "response": "x", "done": True}])
    request = parse({"model": "m", **fields})

    run(claimed(request.kind, dump_json(request)), context(ollama, can_think=can_think))

    assert ollama.limits == [seconds]


@pytest.mark.parametrize(("said", "text", "thinking"), [("<think>a</thi", "", "a</thi"), ("<thi", "<thi", None)])
def test_what_was_held_back_comes_at_the_end(said: str, text: str, thinking: str | None) -> None:
    """Where an answer ends inside of a tag, nothing of it is lost."""
    transcript = EventBuffer()
    request = parse({"kind": "generate", "model": "m", "prompt": "x"})
    ollama = Ollama([{"response": said}, {"done": True}])

    outcome = run(claimed("generate", dump_json(request)), context(ollama, transcript, can_think=True))

    assert isinstance(outcome, Completed)
    assert (outcome.result["text"], outcome.result["thinking"]) == (text, thinking)
    assert "".join(words[0] for words in transcript.said) == text

"""Answers in Ollama's rendering."""

import json
import re
import struct
from typing import Any

import pytest

from gateway.ollama import rendering
from gateway.ollama.parsed_request import Endpoint, ParsedRequest
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.results import RESULT

FIGURES = {
    "usage": {"prompt_tokens": 7, "output_tokens": 2},
    "timings": {"load": 0.001064254, "prompt": 0.5, "output": 1.25, "total": 9.0},
}
DONE = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 3_000_000_000,
    "load_duration": 1_064_254,
    "prompt_eval_count": 7,
    "prompt_eval_duration": 500_000_000,
    "eval_count": 2,
    "eval_duration": 1_250_000_000,
}
CALL = {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"x": 1.0}}}
LOGPROB = {"token": "a", "logprob": -1.5}


def make_request(endpoint: Endpoint) -> ParsedRequest:
    return ParsedRequest(endpoint, "M", "answer")


def result(**fields: Any) -> Any:
    return RESULT.validate_python(
        {"model": "m", "host": "h", "attempts": 1, "done_reason": "stop", **FIGURES, **fields}
    )


def without_time(line: str) -> dict[str, Any]:
    """A line with the model as it was asked for, and without its time."""
    found: dict[str, Any] = json.loads(line)
    assert found.pop("created_at").endswith("Z")
    assert found.pop("model") == "M"
    return found


def lines(endpoint: Endpoint, **piece: Any) -> list[dict[str, Any]]:
    said = Piece("1-0", "", **piece)
    return [without_time(line) for line in rendering.render_piece(make_request(endpoint), said)]


def message(content: str = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **more}}


def test_a_piece_has_a_line_for_each_of_its_parts() -> None:
    """Ollama sends thinking, text and calls in lines of their own; the calls of one line together."""
    assert lines("chat", text="a", thinking="hm", tool_calls=[CALL]) == [
        {**message(thinking="hm"), "done": False},
        {**message("a"), "done": False},
        {**message(tool_calls=[CALL]), "done": False},
    ]
    assert lines("generate", text="a", thinking="hm") == [
        {"response": "", "thinking": "hm", "done": False},
        {"response": "a", "done": False},
    ]


@pytest.mark.parametrize("said", ["a", " ", '"\\\n\t', "<&>\u2028\x00", "\u00e9\U0001f600"])
@pytest.mark.parametrize("endpoint", ["generate", "chat"])
def test_the_line_of_a_text_is_made_in_two_ways_and_is_the_same(endpoint: Endpoint, said: str) -> None:
    """One for a piece that is text alone, as nearly all are; byte by byte, but for its time."""
    (line,) = rendering.render_piece(make_request(endpoint), Piece("1-0", "", said))
    quick = rendering.text_line_renderer(make_request(endpoint))(said).decode().removesuffix("\n")

    without = re.compile('"created_at":"[^"]+"')
    assert without.sub("", quick) == without.sub("", line)
    assert without_time(quick) == without_time(line)


def test_the_logprobs_of_a_piece_come_once() -> None:
    """In its last line, or in one of their own."""
    assert lines("generate", text="a", thinking="hm", logprobs=[LOGPROB]) == [
        {"response": "", "thinking": "hm", "done": False},
        {"response": "a", "done": False, "logprobs": [LOGPROB]},
    ]
    assert lines("chat", logprobs=[LOGPROB]) == [{**message(), "done": False, "logprobs": [LOGPROB]}]


def test_the_last_line_has_the_figures() -> None:
    """The waiting is the caller's, the others are the host's, in nanoseconds; what is zero is left out."""
    told = result(text="x", thinking="hm", context=[1, 2], logprobs=[LOGPROB])

    assert without_time(rendering.render_last_line(make_request("generate"), told, 3.0)) == {
        "response": "",
        "context": [1, 2],
        **DONE,
    }
    assert without_time(
        rendering.render_last_line(make_request("chat"), result(message=message()["message"]), 3.0)
    ) == {
        **message(),
        **DONE,
    }
    bare = result(text="x", usage={}, timings={"load": 0.0}, done_reason=None)
    assert without_time(rendering.render_last_line(make_request("generate"), bare, 0.5)) == {
        "response": "",
        "done": True,
        "total_duration": 500_000_000,
    }


def test_a_whole_answer() -> None:
    """In one object."""
    text = result(text="x", thinking="hm", context=[1], logprobs=[LOGPROB])
    assert without_time(rendering.render_body(make_request("generate"), text, 3.0)) == {
        "response": "x",
        "thinking": "hm",
        "context": [1],
        "logprobs": [LOGPROB],
        **DONE,
    }
    said = message("x", thinking="hm", tool_calls=[CALL])
    assert without_time(rendering.render_body(make_request("chat"), result(**said), 3.0)) == {**said, **DONE}


def test_vectors() -> None:
    """With the figures that an embedding has; the older endpoint has one vector alone, with float32's digits."""
    told = result(embeddings=[[0.1, -2.0], [3.0, 1e-05]])

    assert rendering.render_body(make_request("embed"), told, 3.0) == (
        '{"model":"M","embeddings":[[0.1,-2],[3,0.00001]],"total_duration":3000000000,"load_duration":1064254,'
        '"prompt_eval_count":7}'
    )
    wide = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert rendering.render_body(make_request("embeddings"), told, 3.0) == f'{{"embedding":[{wide},-2]}}'


@pytest.mark.parametrize(("does", "reason"), [("load", "load"), ("unload", "unload")])
def test_a_bare_answer(does: Any, reason: str) -> None:
    """It has nothing but its reason."""
    assert without_time(rendering.render_empty(ParsedRequest("generate", "M", does))) == {
        "response": "",
        "done": True,
        "done_reason": reason,
    }
    assert without_time(rendering.render_empty(ParsedRequest("chat", "M", does))) == {
        **message(),
        "done": True,
        "done_reason": reason,
    }


def test_an_answer_without_vectors() -> None:
    """A request without input has loaded the model."""
    assert rendering.render_empty(ParsedRequest("embed", "M", "load")) == '{"model":"M","embeddings":[]}'
    assert rendering.render_empty(ParsedRequest("embeddings", "M", "load")) == '{"embedding":[]}'

"""The bodies and chunks of answers."""

import base64
import struct
from datetime import datetime
from typing import Any

import pytest

from gateway.openai import models
from gateway.openai.chat import read_chat
from gateway.openai.completions import read_completion
from gateway.openai.embeddings import read_embedding
from gateway.openai.parsed_request import ParsedRequest
from llamaq import ModelStatus
from llamaq.vocabulary.errors import JobFailed
from llamaq.vocabulary.kinds.embedding import EmbeddingResult
from llamaq.vocabulary.kinds.generate import TextResult
from tests.unit.gateway.openai.results import COMMON, JOB, chat_result, delta, parse_chunks

FIGURES = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
TOKENS = [
    {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Hi", "logprob": -0.5}]},
    {"token": "!", "logprob": -1.5, "bytes": [33]},
]


def chat(**parameters: Any) -> ParsedRequest:
    return read_chat({"model": "M", "messages": [{"role": "user", "content": "hi"}], **parameters})


def completion(**parameters: Any) -> ParsedRequest:
    return read_completion({"model": "M", "prompt": "hi", **parameters})


def text_result(text: str, **more: Any) -> TextResult:
    return TextResult(text=text, done_reason="stop", **COMMON, **more)


def test_reasoning_is_a_member_of_its_own() -> None:
    """As in Ollama's own endpoint: `reasoning` in messages and in deltas."""
    form = chat().form
    message = form.render_body(JOB, 5, chat_result("4", thinking="2 + 2"))["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "4", "refusal": None, "reasoning": "2 + 2"}
    (chunk,) = parse_chunks(form.chunks(JOB, 5).render_piece(delta(thinking="2 + 2")))
    assert chunk["choices"][0]["delta"] == {"reasoning": "2 + 2"}


def test_a_piece_has_a_chunk_for_each_of_its_parts() -> None:
    """A client that looks at the reasoning of a chunk, or else at its text, would lose one of them."""
    call, token = {"function": {"name": "f", "arguments": {}}}, {"token": "4", "logprob": -0.1}
    whole = delta("4", thinking="2 + 2", tool_calls=[call], logprobs=[token])

    choices = [chunk["choices"][0] for chunk in parse_chunks(chat().form.chunks(JOB, 5).render_piece(whole))]

    assert [list(choice["delta"]) for choice in choices] == [["reasoning"], ["content"], ["tool_calls"]]
    assert [choice["logprobs"] is not None for choice in choices] == [False, True, False]


@pytest.mark.parametrize(
    ("done_reason", "reason"), [("stop", "stop"), ("length", "length"), ("repetition", "length"), (None, "stop")]
)
def test_why_an_answer_ended(done_reason: Any, reason: str) -> None:
    """In OpenAI's words; the guard against repetition has cut the answer."""
    result = chat_result("x", done_reason=done_reason)
    assert chat().form.render_body(JOB, 5, result)["choices"][0]["finish_reason"] == reason
    assert parse_chunks(chat().form.chunks(JOB, 5).render_closing(result))[-1]["choices"][0]["finish_reason"] == reason


def test_log_probabilities_of_a_chat() -> None:
    """An entry for each token, with all members that OpenAI's have."""
    form = chat(logprobs=True, top_logprobs=1).form
    assert chat(logprobs=True, top_logprobs=1).job["top_logprobs"] == 1
    whole = form.render_body(JOB, 5, chat_result("Hi!", logprobs=TOKENS))["choices"][0]["logprobs"]
    assert whole["refusal"] is None
    assert whole["content"] == [
        {
            "token": "Hi",
            "logprob": -0.5,
            "bytes": [72, 105],
            "top_logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": None}],
        },
        {"token": "!", "logprob": -1.5, "bytes": [33], "top_logprobs": []},
    ]
    (chunk,) = parse_chunks(form.chunks(JOB, 5).render_piece(delta("Hi!", logprobs=TOKENS)))
    assert chunk["choices"][0]["logprobs"] == whole


def test_log_probabilities_of_a_completion() -> None:
    """The older lists; offsets go on over the chunks."""
    asked = completion(logprobs=0)
    assert asked.job["logprobs"] is True
    assert "top_logprobs" not in asked.job
    form = completion(logprobs=1).form
    assert form.render_body(JOB, 5, text_result("Hi!", logprobs=TOKENS))["choices"][0]["logprobs"] == {
        "tokens": ["Hi", "!"],
        "token_logprobs": [-0.5, -1.5],
        "top_logprobs": [{"Hi": -0.5}, {}],
        "text_offset": [0, 2],
    }
    chunks = form.chunks(JOB, 5)
    chunks.render_piece(delta("Hi", logprobs=TOKENS[:1]))
    chunks.render_text("...")  # a text without any
    (last,) = parse_chunks(chunks.render_piece(delta("!", logprobs=TOKENS[1:])))
    assert last["choices"][0]["logprobs"]["text_offset"] == [5]


def test_a_completion_has_its_own_form() -> None:
    """Whole, and in chunks."""
    form = completion(stream=True, stream_options={"include_usage": True}).form
    head = {"id": f"cmpl-{JOB}", "object": "text_completion", "created": 5, "model": "M"}
    whole = form.render_body(JOB, 5, text_result("Hi", thinking="hm"))
    assert {name: whole[name] for name in head} == head
    assert whole["choices"] == [{"text": "Hi", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert whole["usage"] == FIGURES
    chunks = form.chunks(JOB, 5)
    assert chunks.render_piece(delta(thinking="hm")) == []
    piece, end, usage = parse_chunks(
        chunks.render_opening(), chunks.render_piece(delta("Hi")), chunks.render_closing(text_result("Hi"))
    )
    assert {name: piece[name] for name in head} == head
    assert piece["choices"] == [{"text": "Hi", "index": 0, "logprobs": None, "finish_reason": None}]
    assert end["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"], piece["usage"]) == ([], FIGURES, None)


def test_vectors_come_as_numbers_or_as_base64() -> None:
    """Base64 is of 32-bit floats, little-endian, as OpenAI's clients read it."""
    result = EmbeddingResult(embeddings=[[0.5, -1.0], [0.25, 2.0]], **COMMON)
    body = {"model": "M", "input": ["a", "b"]}
    numbers = read_embedding(body).form.render_body(JOB, 5, result)
    assert numbers["data"][1] == {"object": "embedding", "index": 1, "embedding": [0.25, 2.0]}
    assert (numbers["object"], numbers["model"]) == ("list", "M")
    assert numbers["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    encoded = read_embedding({**body, "encoding_format": "base64"}).form.render_body(JOB, 5, result)
    assert struct.unpack("<2f", base64.b64decode(encoded["data"][0]["embedding"])) == (0.5, -1.0)


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}


def strict_chat(strict: bool) -> ParsedRequest:
    return chat(
        response_format={"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA, "strict": strict}}
    )


@pytest.mark.parametrize("text", ['{"age": -1}', '{"age": "4"}', "forty", ""])
def test_a_strict_answer_is_valid_or_the_request_fails(text: str) -> None:
    """Whole and streamed; without `strict` the client gets what the model wrote."""
    form = strict_chat(strict=True).form
    with pytest.raises(JobFailed) as raised:
        form.render_body(JOB, 5, chat_result(text))
    assert raised.value.code == "invalid_output"
    with pytest.raises(JobFailed):
        form.chunks(JOB, 5).render_closing(chat_result(text))
    loose = strict_chat(strict=False).form.render_body(JOB, 5, chat_result(text))
    assert loose["choices"][0]["message"]["content"] == text


def test_a_strict_answer_that_was_cut_tells_so_itself() -> None:
    """Its finish reason says that it is not whole, as in OpenAI's API."""
    cut = strict_chat(strict=True).form.render_body(JOB, 5, chat_result('{"age', done_reason="length"))
    assert cut["choices"][0]["finish_reason"] == "length"


def test_a_valid_strict_answer_is_given() -> None:
    """As the model wrote it."""
    whole = strict_chat(strict=True).form.render_body(JOB, 5, chat_result('{"age": 4}'))
    assert whole["choices"][0]["message"]["content"] == '{"age": 4}'


def test_models_are_listed_once() -> None:
    """The newest first, else in the order of the hosts, with the namespace as the owner."""
    when = "2026-11-22T17:37:09.9+01:00"
    fleet = [
        ModelStatus(model="b:1", host="x"),
        ModelStatus(model="z:1", host="x", listed={"modified_at": "2020-01-01T00:00:00Z"}),
        ModelStatus(model="z:1", host="y", listed={"modified_at": when}),
        ModelStatus(model="ann/c:latest", host="y", listed={"modified_at": "yesterday"}),
    ]
    created = int(datetime.fromisoformat(when).timestamp())
    assert models.render_list(fleet) == {
        "object": "list",
        "data": [
            {"id": "z:1", "object": "model", "created": created, "owned_by": "library"},
            {"id": "b:1", "object": "model", "created": 0, "owned_by": "library"},
            {"id": "ann/c:latest", "object": "model", "created": 0, "owned_by": "ann"},
        ],
    }
    assert models.render_model(fleet, "ANN/c") == {"id": "ANN/c", "object": "model", "created": 0, "owned_by": "ANN"}
    assert models.render_model(fleet, "d") is None


def test_a_model_is_listed_as_its_host_wrote_it() -> None:
    """Clients look for the very name that they were given. The owner is the namespace, without a registry."""
    older, newer = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
    fleet = [
        ModelStatus(model="ann/c:q4", host="x", listed={"name": "ann/c:q4", "modified_at": older}),
        ModelStatus(model="ann/c:q4", host="y", listed={"name": "Ann/C:Q4", "modified_at": newer}),
        ModelStatus(model="hf.co/bob/d:q8", host="y", listed={"name": "hf.co/Bob/D:Q8", "modified_at": older}),
    ]

    entries = models.render_list(fleet)["data"]

    assert [(entry["id"], entry["owned_by"]) for entry in entries] == [("Ann/C:Q4", "Ann"), ("hf.co/Bob/D:Q8", "Bob")]

"""Whatever a client sends, it is a job that the queue can check, or an error in words."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ollama.errors import error_answer
from gateway.ollama.parsed_request import READERS, ParsedRequest
from llamaq.admission.preparation import Preparation
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest
from ollama_api import bodies
from ollama_api.decoding import DEEPEST
from ollama_api.refusal import Refusal

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["", "0", "5m", "json", "aGk=", "a b", "user"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            TEXTS
            | st.sampled_from(
                ["role", "content", "images", "tool_calls", "function", "arguments", "type", "stop", "num_ctx", "seed"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
FIELDS = (
    "prompt",
    "suffix",
    "system",
    "template",
    "context",
    "stream",
    "raw",
    "format",
    "keep_alive",
    "images",
    "options",
    "think",
    "truncate",
    "shift",
    "logprobs",
    "top_logprobs",
    "messages",
    "tools",
    "input",
    "dimensions",
    "nosuch",
    "MODEL",
)
BODIES = (
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5).map(
        lambda fields: {
            "model": "m",
            "prompt": "x",
            "input": "x",
            "messages": [{"role": "user", "content": "x"}],
            **fields,
        }
    )
    | VALUES
)
PREPARATION = Preparation(Limits(), lambda: "id")


@pytest.mark.parametrize("endpoint", READERS)
@given(body=BODIES)
def test_a_body_is_a_job_or_refused(endpoint: Any, body: Any) -> None:
    """No other error, and one that can be told."""
    parsed: ParsedRequest | None = None
    try:
        parsed = READERS[endpoint](json.dumps(body).encode())
        if parsed.refusal is not None:
            raise parsed.refusal
        if parsed.does == "answer":
            PREPARATION.prepare(
                parsed.job["kind"], {name: value for name, value in parsed.job.items() if name != "kind"}
            )
    except (Refusal, InvalidRequest) as error:
        found = error_answer(error, parsed)
        assert 400 <= found.status <= 501
        assert json.loads(found.to_line())["error"]


def _refusal(read: Callable[[bytes], object], body: bytes) -> Refusal | None:
    try:
        read(body)
    except Refusal as refusal:
        return refusal
    return None


@pytest.mark.parametrize("endpoint", READERS)
@given(body=st.binary(max_size=60) | TEXTS.map(lambda text: f'{{"model": {text}'.encode()))
def test_bytes_are_refused(endpoint: Any, body: bytes) -> None:
    """Nearly always: a few are JSON."""
    refusal = _refusal(READERS[endpoint], body)
    assert refusal is None or (refusal.status in (400, 404) and refusal.message)


@pytest.mark.parametrize("read", [bodies.show, bodies.pull])
@given(body=VALUES | st.dictionaries(st.sampled_from(["model", "name", "verbose", "insecure", "stream"]), VALUES))
def test_the_other_bodies(read: Any, body: Any) -> None:
    """They are read, or refused."""
    refusal = _refusal(read, json.dumps(body).encode())
    assert refusal is None or refusal.status == 400


@pytest.mark.parametrize("levels", [DEEPEST + 1, 700, 1400, 50_000])
@pytest.mark.parametrize("nested", [("[", "]"), ('{"a":', "}")])
def test_a_body_that_is_nested_deep(levels: int, nested: tuple[str, str]) -> None:
    """It is refused by every Python, and takes no time; also with half a surrogate pair, which is looked for in all."""
    begin, end = nested
    inner = begin * (levels - 2) + "0" + end * (levels - 2)
    for text in ("?", r"\ud83d"):
        with pytest.raises(Refusal, match="exceeded max depth"):
            READERS["chat"](f'{{"model":"{text}","options":{{"a":{inner}}}}}'.encode())
        with pytest.raises(Refusal):
            READERS["chat"]((begin * levels).encode())


@pytest.mark.parametrize("nested", [("[", "]"), ('{"a":', "}")])
def test_a_body_that_is_not_nested_too_deep(nested: tuple[str, str]) -> None:
    """However many parts it has beside each other."""
    begin, end = nested
    inner = begin * (DEEPEST - 2) + "0" + end * (DEEPEST - 2)
    many = ",".join(["[]"] * 2 * DEEPEST)
    body = f'{{"model":"m","a":"\\ud83d","options":{{"a":{inner},"b":[{many}]}}}}'
    assert READERS["chat"](body.encode())

"""Arbitrary bodies: each is read into a job that the queue can check, or refused with a parameter of the request."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.openai.chat import ChatCompletion, read_chat
from gateway.openai.completions import Completion, read_completion
from gateway.openai.embeddings import Embedding, read_embedding
from gateway.openai.parsed_request import ParsedRequest
from llamaq.admission.preparation import Preparation
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest

PREPARATION = Preparation(Limits(), lambda: "0a1b2c3d-0000-4000-8000-00000000000f")
NAMES = st.sampled_from([
    "role", "content", "type", "text", "image_url", "url", "tool_calls", "function", "name", "arguments", "parameters",
    "id", "tool_call_id", "schema", "strict", "properties", "allowed_tools", "tools", "mode", "effort", "function_call",
])  # fmt: skip
WORDS = st.sampled_from([
    "user", "assistant", "tool", "system", "text", "image_url", "function", "object", "string", "json_schema",
    "data:image/png;base64,AAAA", "{}", "auto", "required", "none", "a", "b", "",
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
JSON = st.recursive(
    LEAVES | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
FUNCTION = st.fixed_dictionaries({"name": WORDS}, optional={"parameters": JSON, "strict": JSON, "description": JSON})
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "developer", "function"])},
    optional={
        "content": WORDS | JSON,
        "tool_calls": st.lists(st.fixed_dictionaries({"id": WORDS, "function": FUNCTION | JSON}), max_size=3) | JSON,
        "tool_call_id": WORDS,
        "name": WORDS,
        "reasoning": JSON,
    },
)
TOOLS = st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": FUNCTION}), max_size=3)
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "model": st.just("m"),
    "messages": st.lists(MESSAGE, min_size=1, max_size=4),
    "tools": TOOLS,
    "functions": st.lists(FUNCTION, max_size=3),
    "prompt": WORDS,
    "input": WORDS,
}


def bodies(model: Any, always: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: LIKELY.get(name, JSON) | JSON for name in model.model_fields}
    likely = {name: LIKELY[name] for name in always}
    return st.fixed_dictionaries(likely, optional={name: fields[name] for name in fields if name not in likely})


READERS: list[tuple[Callable[[Any], ParsedRequest], st.SearchStrategy[Any]]] = [
    (read_chat, bodies(ChatCompletion, ("model", "messages"))),
    (
        read_chat,
        st.fixed_dictionaries({"model": st.just("m"), "messages": LIKELY["messages"]}, optional={"tools": TOOLS}),
    ),
    (read_completion, bodies(Completion, ("model", "prompt"))),
    (read_embedding, bodies(Embedding, ("model", "input"))),
    (read_chat, JSON),
]


@pytest.mark.parametrize(("read", "strategy"), READERS)
def test_a_body_becomes_a_job_or_is_refused(
    read: Callable[[Any], ParsedRequest], strategy: st.SearchStrategy[Any]
) -> None:
    """No other error comes of it, and each refusal, also of the queue, is about a parameter of the body."""

    @settings(max_examples=60)
    @given(body=strategy)
    def holds(body: Any) -> None:
        known = set(body) if isinstance(body, dict) else set()
        try:
            asked = read(body)
        except InvalidRequest as error:
            refusal = error
        else:
            try:
                PREPARATION.prepare_item(asked.job)
            except InvalidRequest as error:
                refusal = asked.name_parameters(error)
            else:
                return
        first = refusal.problems[0].field.partition(".")[0].partition("[")[0]
        missing = {"model", "messages", "prompt", "input", ""}
        assert first in known | missing, refusal

    holds()

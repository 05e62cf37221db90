"""Each parameter is mapped, accepted without effect, or refused by its name."""

from typing import Any

import pytest

from gateway.openai.chat import read_chat
from gateway.openai.completions import read_completion
from gateway.openai.embeddings import read_embedding
from gateway.openai.parsed_request import ParsedRequest
from llamaq.vocabulary.errors import InvalidRequest

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
DEFAULTS = {"temperature": 1.0, "top_p": 1.0}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def chat(**parameters: Any) -> ParsedRequest:
    return read_chat({**ASKED, **parameters})


def catch_refusal(read: Any, body: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        read(body)
    return raised.value.code, raised.value.problems[0].field


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({}, {}),
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5}, {"top_p": 0.5}),
        ({"max_tokens": 5}, {"num_predict": 5}),
        ({"max_completion_tokens": 5}, {"num_predict": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 5}, {"num_predict": 5}),
        ({"seed": 7}, {"seed": 7}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop": ["x", "y"]}),
        ({"presence_penalty": 1, "frequency_penalty": -1.5}, {"presence_penalty": 1, "frequency_penalty": -1.5}),
        ({"temperature": None, "seed": None, "stop": None}, {}),
    ],
)
def test_sampling_becomes_options(parameters: dict[str, Any], options: dict[str, Any]) -> None:
    """They have Ollama's names in the job, and OpenAI's defaults as Ollama's own endpoint has them."""
    assert chat(**parameters).job["options"] == {**DEFAULTS, **options}
    assert chat(**parameters).job["kind"] == "chat"


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({"reasoning_effort": "none"}, {"think": False}),
        ({"reasoning_effort": "low"}, {"think": "low"}),
        ({"reasoning_effort": "minimal"}, {"think": "low"}),
        ({"reasoning_effort": "xhigh"}, {"think": "max"}),
        ({"reasoning": {"effort": "high"}}, {"think": "high"}),
        ({"service_tier": "priority"}, {"priority": "interactive"}),
        ({"service_tier": "default"}, {"priority": "normal"}),
        ({"service_tier": "auto"}, {"priority": "normal"}),
        ({"service_tier": "flex"}, {"priority": "batch"}),
        ({"service_tier": "fast"}, {"priority": "interactive"}),
        ({"priority": "batch"}, {"priority": "batch"}),
        ({"priority": "batch", "service_tier": "flex"}, {"priority": "batch"}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"stream": True}, {"stream": True}),
        ({"response_format": {"type": "text"}}, {"format": None}),
        ({"response_format": {"type": "json_object"}}, {"format": "json"}),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}},
            {"format": SCHEMA},
        ),
    ],
)
def test_other_parameters_become_fields(parameters: dict[str, Any], fields: dict[str, Any]) -> None:
    """Reasoning, tiers, formats, streams and metadata are fields of the job."""
    job = chat(**parameters).job
    assert {name: job.get(name) for name in fields} == fields


HARMLESS = {
    "user": "u",
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "implicit"},
    "store": False,
    "n": 1,
    "parallel_tool_calls": True,
    "logit_bias": {},
    "modalities": ["text"],
    "verbosity": "medium",
    "tool_choice": "auto",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_nothing_is_accepted(name: str) -> None:
    """The job is the one without the parameter; null is absent."""
    assert chat(**{name: HARMLESS[name]}).job == chat(**{name: None}).job == chat().job


@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"n": 2}, "unsupported_parameter", "n"),
        ({"n": True}, "unsupported_parameter", "n"),
        ({"store": True}, "unsupported_parameter", "store"),
        ({"logit_bias": {"5": 1}}, "unsupported_parameter", "logit_bias"),
        ({"modalities": ["text", "audio"]}, "unsupported_parameter", "modalities"),
        ({"verbosity": "low"}, "unsupported_parameter", "verbosity"),
        ({"service_tier": "scale"}, "unsupported_parameter", "service_tier"),
        ({"audio": {"voice": "x"}}, "unsupported_parameter", "audio"),
        ({"prediction": {}}, "unsupported_parameter", "prediction"),
        ({"moderation": {"model": "x"}}, "unsupported_parameter", "moderation"),
        ({"web_search_options": {}}, "unsupported_parameter", "web_search_options"),
        ({"top_k": 5}, "unsupported_parameter", "top_k"),
        ({"colour": 5}, "unsupported_parameter", "colour"),
        ({"stream": True, "stream_options": {"x": 1}}, "unsupported_parameter", "stream_options.x"),
        (
            {"stream": True, "stream_options": {"include_obfuscation": True}},
            "unsupported_parameter",
            "stream_options.include_obfuscation",
        ),
        ({"temperature": "warm"}, "invalid_type", "temperature"),
        ({"temperature": 2.1}, "invalid_value", "temperature"),
        ({"top_p": -1}, "invalid_value", "top_p"),
        ({"presence_penalty": 3}, "invalid_value", "presence_penalty"),
        ({"seed": 1.5}, "invalid_type", "seed"),
        ({"seed": 2**63}, "invalid_value", "seed"),
        ({"max_tokens": 2**31}, "invalid_value", "max_tokens"),
        ({"stop": 5}, "invalid_type", "stop"),
        ({"stop": [5]}, "invalid_type", "stop[0]"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "invalid_value", "max_tokens"),
        ({"stream": "yes"}, "invalid_type", "stream"),
        ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
        ({"top_logprobs": 2}, "invalid_value", "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "invalid_value", "top_logprobs"),
        ({"reasoning_effort": "much"}, "invalid_value", "reasoning_effort"),
        ({"priority": "urgent"}, "invalid_value", "priority"),
        ({"priority": "batch", "service_tier": "priority"}, "invalid_value", "priority"),
        ({"metadata": {"a": 1}}, "invalid_type", "metadata.a"),
        ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "missing_required_parameter", "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "p"}}},
            "missing_required_parameter",
            "response_format.json_schema.schema",
        ),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": None}, "missing_required_parameter", "messages"),
        ({"messages": "hi"}, "invalid_type", "messages"),
        ({"model": None}, "missing_required_parameter", "model"),
        ({"model": 5}, "invalid_type", "model"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(parameters: dict[str, Any], code: str, param: str) -> None:
    """Nothing is ignored: the code says why, and `param` which parameter it is."""
    assert catch_refusal(read_chat, {**ASKED, **parameters}) == (code, param)


def test_a_refusal_says_what_to_do_instead() -> None:
    """Not only that the parameter is not taken."""
    with pytest.raises(InvalidRequest, match=r"web_search_options: .* a tool of your own"):
        chat(web_search_options={})
    with pytest.raises(InvalidRequest, match=r"colour: .* mend its name"):
        chat(colour=1)
    with pytest.raises(InvalidRequest, match=r"temprature: .* did you mean temperature\?"):
        chat(temprature=1)


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_has_to_be_an_object(body: Any) -> None:
    """Anything else has no parameters that could be named."""
    assert catch_refusal(read_chat, body) == ("invalid_type", "")


def test_a_strict_schema_is_checked_before_the_job_is_queued() -> None:
    """A schema for which no value is valid is named, and not sent to a host."""
    schema = {"type": "integer", "minimum": 5, "maximum": 4}
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema, "strict": True}}
    code, param = catch_refusal(read_chat, {**ASKED, "response_format": form})
    assert param.startswith("response_format.json_schema.schema")
    assert code == "invalid_request"


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("options.temperature", "temperature"),
        ("options.num_predict", "max_completion_tokens"),
        ("format.type", "response_format.json_schema.schema.type"),
        ("think", "reasoning_effort"),
        ("model", "model"),
        ("metadata.a", "metadata.a"),
        ("tools", "tools"),
    ],
)
def test_errors_of_the_queue_name_the_parameter(field: str, param: str) -> None:
    """A client reads the names that it has sent."""
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}
    error = chat(response_format=form).name_parameters(InvalidRequest.of(field, "wrong"))
    assert error.problems[0].field == param


COMPLETION = {"model": "m", "prompt": "hi"}


def test_a_completion_is_a_generate_job() -> None:
    """The prompt and the suffix, with the same sampling as a chat."""
    asked = read_completion({**COMPLETION, "suffix": "!", "max_tokens": 3, "echo": False, "best_of": 1})
    assert asked.job == {
        "kind": "generate", "model": "m", "prompt": "hi", "suffix": "!", "stream": False,
        "options": {**DEFAULTS, "num_predict": 3},
    }  # fmt: skip
    assert read_completion({**COMPLETION, "prompt": ["hi"]}).job["prompt"] == "hi"


@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"prompt": ["a", "b"]}, "unsupported_parameter", "prompt"),
        ({"prompt": [1, 2]}, "unsupported_parameter", "prompt"),
        ({"prompt": [[1], [2]]}, "unsupported_parameter", "prompt"),
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": 5}, "invalid_type", "prompt"),
        ({"echo": True}, "unsupported_parameter", "echo"),
        ({"best_of": 2}, "unsupported_parameter", "best_of"),
        ({"tools": []}, "unsupported_parameter", "tools"),
    ],
)
def test_a_wrong_completion_is_refused_by_name(parameters: dict[str, Any], code: str, param: str) -> None:
    """As for chats."""
    assert catch_refusal(read_completion, {**COMPLETION, **parameters}) == (code, param)


@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"input": [1, 2]}, "unsupported_parameter", "input"),
        ({"input": [[1], [2]]}, "unsupported_parameter", "input"),
        ({"input": ["a", 2]}, "invalid_type", "input[1]"),
        ({"input": []}, "invalid_value", "input"),
        ({"input": None}, "missing_required_parameter", "input"),
        ({"input": {}}, "invalid_type", "input"),
        ({"encoding_format": "hex"}, "invalid_value", "encoding_format"),
        ({"dimensions": 0}, "invalid_value", "dimensions"),
        ({"stream": True}, "unsupported_parameter", "stream"),
    ],
)
def test_a_wrong_embedding_is_refused_by_name(parameters: dict[str, Any], code: str, param: str) -> None:
    """Tokens too, which Ollama does not take."""
    assert catch_refusal(read_embedding, {"model": "m", "input": "a", **parameters}) == (code, param)


def test_an_embedding_is_a_job_of_its_kind() -> None:
    """The texts and the dimensions; what the answer looks like is not in it."""
    asked = read_embedding(
        {"model": "m", "input": ["a", "b"], "dimensions": 4, "encoding_format": "base64", "user": "u"}
    )
    assert asked.job == {"kind": "embedding", "model": "m", "input": ["a", "b"], "dimensions": 4}
    assert asked.parameter("input.1") == "input[1]"

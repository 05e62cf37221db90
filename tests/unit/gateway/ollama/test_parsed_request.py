"""What a request asks for, and what Ollama refuses of it."""

import json
from typing import Any

import pytest

from gateway.ollama.parsed_request import LONGEST_SECONDS, READERS, ParsedRequest
from ollama_api.refusal import Refusal

MODEL = {"model": "M:1"}
PROMPT = {**MODEL, "prompt": "hi"}
MESSAGES = {**MODEL, "messages": [{"role": "user", "content": "hi"}]}
TEXTS = {
    "stream": True,
    "truncate": True,
    "repetition_guard": False,
    "deadline": LONGEST_SECONDS,
}


def read(endpoint: Any, body: object) -> ParsedRequest:
    return READERS[endpoint](json.dumps(body).encode())


def set_fields(parsed: ParsedRequest) -> dict[str, Any]:
    """The fields of the job that are not None."""
    return {name: value for name, value in parsed.job.items() if value is not None}


def catch_refusal(endpoint: str, body: object) -> tuple[int, str, bool]:
    """The refusal, and whether the model is looked for first."""
    try:
        parsed = read(endpoint, body)
    except Refusal as refusal:
        return refusal.status, refusal.message, False
    assert parsed.refusal is not None, parsed
    return parsed.refusal.status, parsed.refusal.message, True


def test_a_prompt_is_a_job_with_ollamas_defaults() -> None:
    """It streams, a long prompt is cut, and the result has its context."""
    parsed = read("generate", PROMPT)

    assert set_fields(parsed) == {"kind": "generate", "model": "M:1", "prompt": "hi", "context": [], **TEXTS}
    assert (parsed.does, parsed.stream, parsed.model) == ("answer", True, "M:1")


@pytest.mark.parametrize(
    ("given", "job"),
    [
        ({"stream": False}, {"stream": False}),
        ({"stream": None}, {}),
        ({"truncate": False, "shift": False}, {"truncate": False, "shift": False}),
        ({"system": "be", "suffix": "s", "template": "t"}, {"system": "be", "suffix": "s", "template": "t"}),
        ({"system": "", "suffix": "", "template": "", "format": "", "images": []}, {}),
        ({"context": [1, 2]}, {"context": [1, 2]}),
        ({"format": "json"}, {"format": "json"}),
        ({"format": {"type": "object"}}, {"format": {"type": "object"}}),
        ({"think": False}, {"think": False}),
        ({"think": "max"}, {"think": "max"}),
        ({"keep_alive": "5m"}, {"keep_alive": 300}),
        ({"keep_alive": -3}, {"keep_alive": -1}),
        ({"keep_alive": 0}, {"keep_alive": 0}),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logprobs": False, "top_logprobs": 0}, {}),
        ({"images": ["aG\nk="]}, {"images": ["aGk="]}),
        ({"options": {"num_predict": 5.7, "nosuch": 1, "seed": None}}, {"options": {"num_predict": 5}}),
        ({"options": {"mirostat": "x", "temperature": 1}}, {"options": {"temperature": 1.0}}),
        ({"nosuch": 1, "PROMPT": "ho"}, {"prompt": "ho"}),
    ],
)
def test_a_field_of_generate(given: dict[str, Any], job: dict[str, Any]) -> None:
    """What is empty or unknown is left out, as in Ollama."""
    common = {"kind": "generate", "model": "M:1", "prompt": "hi", "context": [], **TEXTS}
    assert set_fields(read("generate", {**PROMPT, **given})) == {**common, **job}


def test_half_a_surrogate_pair_is_a_replacement_character() -> None:
    """As Go reads it, in names too; a whole pair is its character, and an escaped backslash is one."""
    raw = rb'{"model": "M:1", "prompt": "a\ud800b \uD83D\uDE00 \\ud800 \udc00", "\ud800": 1}'

    assert READERS["generate"](raw).job["prompt"] == "a\ufffdb \N{GRINNING FACE} \\ud800 \ufffd"


def test_a_raw_prompt_has_no_context() -> None:
    """Neither goes one in, nor comes one out."""
    assert "context" not in set_fields(read("generate", {**PROMPT, "raw": True}))


def test_messages_are_a_job() -> None:
    """With their tools; roles in any case, and fields in any case."""
    messages = [
        {"Role": "USER", "content": "hi", "images": ["aGk="], "name": "bob"},
        {"role": "assistant", "content": None},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]

    job = set_fields(read("chat", {**MODEL, "messages": messages, "tools": tools}))

    sent = [{"role": "user", "content": "hi", "images": ["aGk="]}, {"role": "assistant"}]
    assert job == {"kind": "chat", "model": "M:1", "messages": sent, "tools": tools, **TEXTS}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("endpoint", "body"),
    [("generate", MODEL), ("generate", {**MODEL, "prompt": ""}), ("chat", MODEL), ("chat", {**MODEL, "messages": []})],
)
def test_an_empty_request_loads_or_unloads(endpoint: str, body: dict[str, Any], stream: bool) -> None:
    """By its `keep_alive`. The answer is no stream."""
    loads = read(endpoint, {**body, "stream": stream, "keep_alive": "1h", "options": {"num_ctx": 512}})
    unloads = read(endpoint, {**body, "stream": stream, "keep_alive": "0s"})

    assert (loads.does, set_fields(loads)) == (
        "load",
        {"model": "M:1", "keep_alive": 3600, "options": {"num_ctx": 512}},
    )
    assert unloads.does == "unload"


@pytest.mark.parametrize(
    ("body", "job"),
    [
        ({"input": "a"}, {"input": "a", "truncate": True}),
        ({"input": ["a", "b"], "truncate": False}, {"input": ["a", "b"], "truncate": False}),
        ({"input": "a", "dimensions": 8}, {"input": "a", "truncate": True, "dimensions": 8}),
        ({"input": "a", "dimensions": 0}, {"input": "a", "truncate": True}),
    ],
)
def test_inputs_are_a_job(body: dict[str, Any], job: dict[str, Any]) -> None:
    """One, or a list of them."""
    assert set_fields(read("embed", {**MODEL, **body})) == {"kind": "embedding", "model": "M:1", **job}


@pytest.mark.parametrize("body", [{}, {"input": ""}, {"input": []}, {"input": None}])
def test_no_input_loads_the_model(body: dict[str, Any]) -> None:
    """As Ollama does."""
    assert read("embed", {**MODEL, **body}).does == "load"


def test_the_older_endpoint_never_cuts_an_input() -> None:
    """It has one text, and no `truncate`."""
    job = set_fields(read("embeddings", {**PROMPT, "truncate": True}))
    assert job == {"kind": "embedding", "model": "M:1", "input": "hi"}


_TYPES = "json: cannot unmarshal"
_FIELD = f"{_TYPES} {{}} into Go struct field {{}} of type {{}}"
_THINK = '"high", "medium", "low", "max", true, or false'


@pytest.mark.parametrize(
    ("endpoint", "body", "status", "message"),
    [
        ("generate", [], 400, f"{_TYPES} array into Go value of type api.GenerateRequest"),
        ("chat", "x", 400, f"{_TYPES} string into Go value of type api.ChatRequest"),
        ("embed", 1, 400, f"{_TYPES} number into Go value of type api.EmbedRequest"),
        ("embeddings", True, 400, f"{_TYPES} bool into Go value of type api.EmbeddingRequest"),
        ("generate", None, 404, "model '' not found"),
        ("generate", {"prompt": "x"}, 404, "model '' not found"),
        ("chat", {}, 400, "model is required"),
        ("embeddings", {}, 400, "model is required"),
        ("chat", {"model": "a b"}, 400, "invalid model name"),
        ("chat", {"model": "a/b/c/d"}, 400, "invalid model name"),
        ("generate", {"model": 1}, 400, _FIELD.format("number", "GenerateRequest.model", "string")),
        ("generate", {**MODEL, "prompt": {}}, 400, _FIELD.format("object", "GenerateRequest.prompt", "string")),
        ("generate", {**PROMPT, "stream": "false"}, 400, _FIELD.format("string", "GenerateRequest.stream", "bool")),
        ("chat", {**MESSAGES, "stream": 0}, 400, _FIELD.format("number", "ChatRequest.stream", "bool")),
        (
            "generate",
            {**PROMPT, "options": []},
            400,
            _FIELD.format("array", "GenerateRequest.options", "map[string]interface {}"),
        ),
        ("generate", {**PROMPT, "context": "x"}, 400, _FIELD.format("string", "GenerateRequest.context", "[]int")),
        (
            "generate",
            {**PROMPT, "context": [1.5]},
            400,
            _FIELD.format("number 1.5", "GenerateRequest.context.0", "int"),
        ),
        (
            "generate",
            {**PROMPT, "raw": True, "context": [True]},
            400,
            _FIELD.format("bool", "GenerateRequest.context.0", "int"),
        ),
        ("chat", {**MODEL, "messages": "x"}, 400, _FIELD.format("string", "ChatRequest.messages", "[]api.Message")),
        ("chat", {**MODEL, "messages": ["x"]}, 400, f"{_TYPES} string into Go value of type api.Alias"),
        ("chat", {**MODEL, "messages": [{"content": ["x"]}]}, 400, _FIELD.format("array", "Alias.content", "string")),
        (
            "chat",
            {**MODEL, "messages": [{"tool_calls": [{"function": {"arguments": "{}"}}]}]},
            400,
            "Value looks like object, but can't find closing '}' symbol",
        ),
        ("chat", {**MESSAGES, "tools": {}}, 400, _FIELD.format("object", "ChatRequest.tools", "api.Tools")),
        ("generate", {**PROMPT, "think": "lots"}, 400, f'invalid think value: "lots" (must be {_THINK})'),
        ("generate", {**PROMPT, "think": ""}, 400, f'invalid think value: "" (must be {_THINK})'),
        ("generate", {**PROMPT, "think": 1}, 400, f"think must be a boolean or string ({_THINK})"),
        ("generate", {**PROMPT, "keep_alive": "soon"}, 400, 'time: invalid duration "soon"'),
        ("chat", {**MESSAGES, "keep_alive": True}, 400, "Unsupported type: 'bool'"),
        ("generate", {**PROMPT, "top_logprobs": 21}, 400, "top_logprobs must be between 0 and 20"),
        ("embed", {**MODEL, "input": 1}, 400, "invalid input type"),
        ("embed", {**MODEL, "input": {}}, 400, "invalid input type"),
        ("embed", {**MODEL, "input": ["a", None]}, 400, "invalid input type"),
        (
            "embed",
            {**MODEL, "input": "a", "dimensions": "8"},
            400,
            _FIELD.format("string", "EmbedRequest.dimensions", "int"),
        ),
    ],
)
def test_what_is_refused_at_once(endpoint: str, body: object, status: int, message: str) -> None:
    """In the words and with the status of Ollama, whether or not there is such a model."""
    assert catch_refusal(endpoint, body) == (status, message, False)


_NO_FORMAT = '; expected "json" or a valid JSON Schema object'


@pytest.mark.parametrize(
    ("endpoint", "body", "status", "message"),
    [
        ("generate", {**PROMPT, "format": "xml"}, 500, rf'invalid format: "\"xml\""{_NO_FORMAT}'),
        ("chat", {**MESSAGES, "format": 1}, 500, f'invalid format: "1"{_NO_FORMAT}'),
        ("chat", {**MESSAGES, "format": ["a"]}, 500, rf'invalid format: "[\"a\"]"{_NO_FORMAT}'),
        ("generate", {**PROMPT, "options": {"seed": "x"}}, 500, 'option "seed" must be of type integer'),
        ("generate", {**PROMPT, "options": {"seed": True}}, 500, 'option "seed" must be of type integer'),
        ("chat", {**MESSAGES, "options": {"top_p": "x"}}, 500, 'option "top_p" must be of type float32'),
        ("chat", {**MESSAGES, "options": {"use_mmap": 1}}, 500, 'option "use_mmap" must be of type boolean'),
        ("embed", {**MODEL, "input": "x", "options": {"stop": "x"}}, 500, 'option "stop" must be of type array'),
        ("chat", {**MESSAGES, "options": {"stop": [1]}}, 500, 'option "stop" must be of an array of strings'),
        (
            "generate",
            {**PROMPT, "raw": True, "system": "x"},
            400,
            "raw mode does not support template, system, or context",
        ),
        (
            "embed",
            {**MODEL, "input": ["a", ""]},
            400,
            "input exceeds maximum context length and cannot be truncated further",
        ),
    ],
)
def test_what_is_refused_once_the_model_is_known(endpoint: str, body: object, status: int, message: str) -> None:
    """Ollama looks for the model first, so an unknown one is named instead."""
    assert catch_refusal(endpoint, body) == (status, message, True)


@pytest.mark.parametrize(
    ("image", "offset"),
    [
        ("!!!notb64", 0),
        ("data:image/png;base64,aGk=", 4),
        ("aGk", 0),
        ("a", 0),
        ("aGk=x", 4),
        ("aG=k", 2),
        ("aG=", 3),
        ("aG==aGk=", 4),
        ("=", 0),
        ("aGkh\n*", 5),
        ("aGk=\n=", 5),
    ],
)
def test_an_image_that_is_no_base64(image: str, offset: int) -> None:
    """The byte is named at which Go gives up."""
    what = f"illegal base64 data at input byte {offset}"
    expected = f"{_TYPES} string into {{}} of type api.ImageData: {what}"

    assert catch_refusal("generate", {**PROMPT, "images": ["aGk=", image]})[1] == expected.format(
        "GenerateRequest.images.1"
    )
    assert catch_refusal("chat", {**MODEL, "messages": [{"images": [image]}]})[1] == expected.format("Alias.images.0")

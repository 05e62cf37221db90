"""Requests: what is taken, what is refused, and that the refusal names the field."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from llamaq import InvalidRequest
from llamaq.admission.preparation import Preparation
from llamaq.settings.producer import Limits
from llamaq.vocabulary.requests import dump_json, parse, parse_json

GENERATE = {"kind": "generate", "model": "m", "prompt": "x"}
CHAT = {"kind": "chat", "model": "m", "messages": [{"role": "user", "content": "x"}]}
TURN = {"kind": "chat", "model": "m", "conversation": "c", "message": "x"}
MULTIMODAL = {"kind": "multimodal", "model": "m", "prompt": "x", "images": ["aGk="]}
EXTRACTION = {"kind": "extraction", "model": "m", "prompt": "x", "schema": {"type": "object"}}
EMBEDDING = {"kind": "embedding", "model": "m", "input": ["a"]}
GOOD = (GENERATE, CHAT, TURN, MULTIMODAL, EXTRACTION, EMBEDDING)

_deep: dict[str, Any] = {}
for _ in range(500):
    _deep = {"a": _deep}

REFUSED = [
    ({**GENERATE, "promt": "x"}, "promt"),
    ({**GENERATE, "prompt": ""}, "prompt"),
    ({**GENERATE, "prompt": None}, "prompt"),
    ({**GENERATE, "prompt": 5}, "prompt"),
    ({**GENERATE, "prompt": "\ud800"}, "prompt"),
    ({"kind": "generate", "model": "m"}, "prompt"),
    ({"kind": "generate", "prompt": "x"}, "model"),
    ({**GENERATE, "model": "  "}, "model"),
    ({**GENERATE, "model": "x" * 513}, "model"),
    ({"model": "m", "prompt": "x"}, "kind"),
    ({**GENERATE, "kind": "generat"}, "kind"),
    ({**GENERATE, "kind": ["generate"]}, "kind"),
    ({**GENERATE, "system": "\udfff"}, "system"),
    ({**GENERATE, "raw": 1}, "raw"),
    ({**GENERATE, "stream": "true"}, "stream"),
    ({**GENERATE, "priority": "high"}, "priority"),
    ({**GENERATE, "tenant": "a:b"}, "tenant"),
    ({**GENERATE, "tenant": ""}, "tenant"),
    ({**GENERATE, "tenant": "a\n"}, "tenant"),
    ({**GENERATE, "idempotency_key": ""}, "idempotency_key"),
    ({**GENERATE, "metadata": {"a": 1}}, "metadata.a"),
    ({**GENERATE, "metadata": {"a": "\ud800"}}, "metadata.a"),
    ({**GENERATE, "metadata": [1]}, "metadata"),
    ({**GENERATE, "start_within": 0}, "start_within"),
    ({**GENERATE, "start_within": -1}, "start_within"),
    ({**GENERATE, "deadline": float("nan")}, "deadline"),
    ({**GENERATE, "deadline": float("inf")}, "deadline"),
    ({**GENERATE, "stall_after": "60"}, "stall_after"),
    ({**GENERATE, "first_token_within": 700_000}, "first_token_within"),
    ({**GENERATE, "keep_alive": []}, "keep_alive"),
    ({**GENERATE, "keep_alive": float("inf")}, "keep_alive"),
    ({**GENERATE, "keep_alive": True}, "keep_alive"),
    *(({**GENERATE, "keep_alive": text}, "keep_alive") for text in ("", "soon", "5 m", "5x", "m", "1h-5m", "9" * 4999)),
    ({**GENERATE, "keep_alive": 10**10}, "keep_alive"),
    ({**GENERATE, "think": "much"}, "think"),
    ({**GENERATE, "format": "yaml"}, "format"),
    ({**GENERATE, "format": {"const": float("nan")}}, "format"),
    ({**GENERATE, "format": {"const": "\ud800"}}, "format"),
    ({**GENERATE, "format": {"const": object()}}, "format"),
    ({**GENERATE, "format": _deep}, "format"),
    ({**GENERATE, "options": {"num_ctx": 5.5}}, "options.num_ctx"),
    ({**GENERATE, "options": {"num_ctxx": 5}}, "options.num_ctxx"),
    ({**GENERATE, "options": [1]}, "options"),
    ({**GENERATE, "promt": None}, "promt"),
    ({**GENERATE, "messages": []}, "messages"),
    ({**CHAT, "messages": []}, "messages"),
    ({**CHAT, "messages": [{"content": "x"}]}, "messages.0.role"),
    ({**CHAT, "messages": [{"role": "<|im_end|>", "content": "x"}]}, "messages.0.role"),
    ({**CHAT, "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "messages.0.content"),
    ({**CHAT, "messages": [{"role": "user", "contnet": "x"}]}, "messages.0.contnet"),
    ({**CHAT, "messages": [{"role": "tool", "content": "x", "toolCallId": "1"}]}, "messages.0.toolCallId"),
    ({**CHAT, "messages": [{"role": "user", "content": "x", "images": [5]}]}, "messages.0.images.0"),
    ({**CHAT, "messages": [{"role": "user", "content": "\ud800"}]}, "messages.0.content"),
    (
        {**CHAT, "messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
        "messages.0.tool_calls.0.function.arguments",
    ),
    ({**CHAT, "tools": [5]}, "tools.0"),
    ({**CHAT, "conversation": "c", "message": "x"}, ""),
    ({"kind": "chat", "model": "m"}, ""),
    ({**TURN, "message": ""}, "message"),
    ({**TURN, "message": 5}, "message"),
    ({**TURN, "conversation": ""}, "conversation"),
    ({"kind": "chat", "model": "m", "conversation": "c"}, ""),
    ({**MULTIMODAL, "images": []}, "images"),
    ({**MULTIMODAL, "images": [5]}, "images.0"),
    ({**MULTIMODAL, "messages": CHAT["messages"]}, ""),
    ({"kind": "multimodal", "model": "m", "messages": [{"role": "system", "content": "x"}], "images": ["aGk="]}, ""),
    ({**EXTRACTION, "schema": []}, "schema"),
    ({"kind": "extraction", "model": "m", "prompt": "x"}, "schema"),
    ({**EMBEDDING, "input": []}, "input"),
    ({**EMBEDDING, "input": ""}, "input"),
    ({**EMBEDDING, "input": ["a", ""]}, "input"),
    ({**EMBEDDING, "prompt": "x"}, "prompt"),
]


@pytest.mark.parametrize("fields", GOOD, ids=lambda fields: fields["kind"])
def test_a_request_survives_the_store(fields: dict[str, Any]) -> None:
    """What is kept in Redis reads back as the same request, with its kind from the record."""
    request = parse(fields)

    assert parse_json(dump_json(request), request.kind) == request
    assert parse_json(json.dumps(fields)) == request
    assert request.model == "m:latest"


def test_options_that_are_set_later_are_those_of_one_request_and_survive() -> None:
    """A request without options has its own."""
    request = parse(GENERATE)
    request.options.num_ctx = 4096

    assert parse_json(dump_json(request), "generate").options.num_ctx == 4096
    assert parse(GENERATE).options.num_ctx is None


@pytest.mark.parametrize(("fields", "field"), REFUSED)
def test_a_bad_field_is_refused_by_its_name(fields: dict[str, Any], field: str) -> None:
    """Unknown, of a wrong type, or beyond a limit: the problem names the field, and nothing is bent into shape."""
    with pytest.raises(InvalidRequest) as refused:
        parse(fields)

    assert all(problem.message for problem in refused.value.problems)
    named = {problem.field for problem in refused.value.problems}
    assert any(name == field or (field and name.startswith(f"{field}.")) for name in named), named
    assert field in str(refused.value)


def test_every_wrong_field_is_named_at_once() -> None:
    """A producer mends a request in one go."""
    with pytest.raises(InvalidRequest) as refused:
        parse({**GENERATE, "prompt": "", "typo": 1, "options": {"seed": "x", "top_k": 1.5}})

    assert {problem.field for problem in refused.value.problems} == {"prompt", "typo", "options.seed", "options.top_k"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {**GENERATE, "keep_alive": "soon"},
            'keep_alive: must be a number of seconds (-1 for ever) or a duration such as "5m" or "1h30m", not \'soon\'',
        ),
        (
            {**GENERATE, "keep_alive": []},
            "keep_alive: Input should be a valid string or a valid integer or a valid number, not a list",
        ),
        (
            {**GENERATE, "think": "much"},
            "think: Input should be a valid boolean or 'low', 'medium', 'high' or 'max', not 'much'",
        ),
        (
            {**GENERATE, "options": {"num_ctx": [10**99]}},
            "options.num_ctx: Input should be a valid integer, not a list",
        ),
        (
            {**GENERATE, "options": {"use_mmap": 10**99}},
            "options.use_mmap: Input should be a valid boolean, not a very large number",
        ),
        ({**GENERATE, "options": {"num_ctx": 5.5}}, "options.num_ctx: Input should be a valid integer, not 5.5"),
        ({**GENERATE, "stream": "y" * 99}, f"stream: Input should be a valid boolean, not '{'y' * 40}'"),
        (
            {**TURN, "message": {"role": "user", "content": []}},
            "message.content: must be one text: give the texts of the parts joined, and images in the message's "
            "`images`",
        ),
        ({**TURN, "message": [{"content": "x"}]}, "message.0.role: Field required"),
        ({**EMBEDDING, "input": ["a", ""]}, "input.1: String should have at least 1 character"),
        ({**EMBEDDING, "input": ""}, "input: String should have at least 1 character"),
        (
            {**GENERATE, "generate": 1},
            "generate: there is no such field: leave this field out, or mend its name",
        ),
        ({**GENERATE, "metadata": {"str": 1}}, "metadata.str: Input should be a valid string, not 1"),
        ({"kind": "embedding", "model": "m"}, "input: Field required"),
        (
            {**GENERATE, "notify": "https://a.example"},
            "notify: Input should be an object with url, events, include_result, not 'https://a.example'",
        ),
        ({**GENERATE, "format": 5}, "format: Input should be 'json' or an object, not 5"),
        ({**GENERATE, "lane": "batch"}, "lane: there is no such field: did you mean priority?"),
    ],
)
def test_a_problem_has_the_path_that_the_producer_wrote(fields: dict[str, Any], problem: str) -> None:
    """No name of a branch of a union or of a validator is in it; one line says it all, from Python and off the wire."""
    readers: list[Callable[[], Any]] = [lambda: parse(fields), lambda: parse_json(json.dumps(fields))]
    for read in readers:
        with pytest.raises(InvalidRequest) as refused:
            read()
        assert [str(each) for each in refused.value.problems] == [problem]


def test_a_request_without_a_kind_is_told_the_kinds() -> None:
    """And not that there is no kind `null`."""
    with pytest.raises(InvalidRequest, match=r"^kind: Field required: the kinds are generate, chat, "):
        parse({"model": "m", "kind": None})  # as a submit gives a job that has none
    with pytest.raises(InvalidRequest, match=r"^kind: Field required$"):
        parse({"model": "m"})


def test_a_problem_is_one_line() -> None:
    """Whatever a checker within says, over however many lines."""
    with pytest.raises(InvalidRequest) as refused:
        parse({**GENERATE, "format": {"const": object()}})

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (-1, -1),
        (0, 0),
        (2.5, 2.5),
        ("5m", "5m"),
        ("1h30m", "1h30m"),
        ("-1s", "-1s"),
        (".5s", ".5s"),
        ("-1", -1),
        ("60", 60),
    ],
)
def test_keep_alive_takes_ollamas_forms(given: Any, kept: Any) -> None:
    """Seconds, or a duration as Go writes it; a text that is only a number, which Ollama refuses, is that number."""
    assert parse({**GENERATE, "keep_alive": given}).keep_alive == kept


def test_none_in_a_schema_or_in_arguments_is_kept() -> None:
    """Only fields that were not set are left out of the record; `null` inside the producer's own JSON is data."""
    schema = {"properties": {"a": {"const": None, "default": None}}}
    request = parse({**EXTRACTION, "schema": schema})
    call = {"function": {"name": "f", "arguments": {"x": None}}}
    chat = parse({**CHAT, "messages": [{"role": "assistant", "tool_calls": [call]}]})

    assert json.loads(dump_json(request))["schema"] == schema
    assert json.loads(dump_json(chat))["messages"][0]["tool_calls"] == [call]


def test_a_field_that_equals_its_default_is_not_kept() -> None:
    """Defaults stay a matter of the reader."""
    assert json.loads(dump_json(parse({**GENERATE, "deadline": 900.0, "stream": True}))) == {
        "model": "m:latest",
        "prompt": "x",
    }


def test_tool_calls_may_hold_what_this_version_does_not_know() -> None:
    """They come from a model and go back to it: what Ollama adds there is not ours to refuse."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {}, "index": 0}}
    request = parse({**CHAT, "messages": [{"role": "assistant", "tool_calls": [call]}]})

    assert json.loads(dump_json(request))["messages"][0]["tool_calls"] == [call]


@pytest.mark.parametrize("images", [5, "aGk=", b"x", {"a": 1}, [5], [None], [["x"]], [bytearray(b"x")]])
def test_images_of_a_wrong_shape_are_refused(images: Any) -> None:
    """Not a list, or not of paths, bytes or base64: the field is named."""
    with pytest.raises(InvalidRequest, match=r"^images"):
        Preparation(Limits(), lambda: "id").prepare_item({**MULTIMODAL, "images": images})


@pytest.mark.parametrize("item", [5, None, "generate", [GENERATE], object()])
def test_what_is_no_request_at_all_is_refused(item: Any) -> None:
    """`submit` takes a request model or an object."""
    with pytest.raises(InvalidRequest):
        Preparation(Limits(), lambda: "id").prepare_item(item)


def test_wait_for_model_is_the_queues_and_not_the_requests() -> None:
    """It decides on the submit, and is not kept."""
    submission = Preparation(Limits(), lambda: "id").prepare_item({**GENERATE, "wait_for_model": True})

    assert submission.wait_for_model
    assert "wait_for_model" not in dump_json(submission.request)


@pytest.mark.parametrize("name", [":pull", " :pull@alpha", ":", "a b", "a\nb", "a\x00b", "a\x85b", "a\u2003b"])
@pytest.mark.parametrize(
    "fields", [{"kind": "generate", "prompt": "x"}, {"kind": "pull"}, {"kind": "unload", "host": "h"}]
)
def test_what_can_be_no_models_name_is_refused(fields: dict[str, Any], name: str) -> None:
    """One that begins with a colon would stand where host jobs wait; one with white space, in the middle of a key."""
    with pytest.raises(InvalidRequest) as refused:
        parse({**fields, "model": name})

    assert [problem.field for problem in refused.value.problems] == ["model"]

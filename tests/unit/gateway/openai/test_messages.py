"""OpenAI's messages as those of a chat job."""

from typing import Any

import pytest

from gateway.openai.chat import read_chat
from llamaq.vocabulary.errors import InvalidRequest

PICTURE = "data:image/png;base64,AAAA"
CALLS = [
    {"id": name, "type": "function", "function": {"name": f"get_{name}", "arguments": '{"city": "Rome"}'}}
    for name in ("a", "b")
]


def job(*messages: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return dict(read_chat({"model": "m", "messages": list(messages), **parameters}).job)


def refusal(*messages: dict[str, Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        job(*messages, **parameters)
    return raised.value.code, raised.value.problems[0].field


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"role": "user", "content": "hi"}, {"role": "user", "content": "hi"}),
        ({"role": "developer", "content": "hi"}, {"role": "system", "content": "hi"}),
        ({"role": "user", "content": "hi", "name": "Ann"}, {"role": "user", "content": "hi"}),
        (
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "text", "text": "b"},
                ],
            },
            {"role": "user", "content": "a\nb"},
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}]},
            {"role": "user", "content": "", "images": [PICTURE]},
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": PICTURE}]},
            {"role": "user", "content": "", "images": [PICTURE]},
        ),
        ({"role": "assistant", "content": None, "refusal": "no"}, {"role": "assistant", "content": "no"}),
        (
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": "no"},
        ),
        (
            {"role": "assistant", "content": "x", "reasoning": "why", "annotations": [], "audio": None, "parsed": {}},
            {"role": "assistant", "content": "x", "thinking": "why"},
        ),
        (
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "call_0", "function": {"name": "f", "arguments": "{}"}}],
            },
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [
                    {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}", "parsed_arguments": {}}},
                ],
            },
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
            },
        ),
        (
            {"role": "function", "name": "f", "content": "4"},
            {"role": "tool", "content": "4", "tool_name": "f"},
        ),
    ],
)
def test_a_message_becomes_one_of_ollama(given: dict[str, Any], made: dict[str, Any]) -> None:
    """Roles, parts, images, refusals, reasoning and the older calls have their place in Ollama's messages."""
    assert job(given)["messages"] == [made]


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"role": "user"}, "missing_required_parameter", "messages[0].content"),
        ({"role": "user", "content": None}, "missing_required_parameter", "messages[0].content"),
        ({"role": "user", "content": 4}, "invalid_type", "messages[0].content"),
        ({"role": "user", "content": ["x"]}, "invalid_type", "messages[0].content[0]"),
        ({"role": "user", "content": [{}]}, "missing_required_parameter", "messages[0].content[0].type"),
        ({"role": "user", "content": [{"type": "text"}]}, "invalid_type", "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "file"}]}, "unsupported_parameter", "messages[0].content[0].type"),
        (
            {"role": "user", "content": [{"type": "input_audio"}]},
            "unsupported_parameter",
            "messages[0].content[0].type",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
            "unsupported_parameter",
            "messages[0].content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "sha256:" + "0" * 64}}]},
            "unsupported_parameter",
            "messages[0].content[0].image_url.url",
        ),
        ({"role": "user", "content": [{"type": "image_url"}]}, "invalid_type", "messages[0].content[0].image_url"),
        (
            {"role": "user", "content": [{"type": "text", "text": "x", "bold": True}]},
            "unsupported_parameter",
            "messages[0].content[0].bold",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE, "zoom": 2}}]},
            "unsupported_parameter",
            "messages[0].content[0].image_url.zoom",
        ),
        ({"role": "wizard", "content": "x"}, "invalid_value", "messages[0].role"),
        ({"content": "x"}, "missing_required_parameter", "messages[0].role"),
        ({"role": "user", "content": "x", "colour": 1}, "unsupported_parameter", "messages[0].colour"),
        ({"role": "assistant", "content": "x", "audio": {"id": "1"}}, "unsupported_parameter", "messages[0].audio"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "function": {"name": "f"}}]},
            "unsupported_parameter",
            "messages[0].tool_calls[0].type",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]},
            "missing_required_parameter",
            "messages[0].tool_calls[0].function.name",
        ),
    ],
)
def test_a_wrong_message_is_refused_by_its_parameter(message: dict[str, Any], code: str, param: str) -> None:
    """The error names the part of the message, as OpenAI writes its path."""
    assert refusal(message) == (code, param)


def test_results_of_tools_get_names_and_the_order_of_the_calls() -> None:
    """A model whose template has no ids still gets each result for its call."""
    asked = read_chat(
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "?"},
                {"role": "assistant", "content": None, "tool_calls": CALLS},
                {"role": "tool", "tool_call_id": "b", "content": "of b"},
                {"role": "tool", "tool_call_id": "a", "content": "of a"},
            ],
        }
    )
    assert asked.job["messages"][2:] == [
        {"role": "tool", "content": "of a", "tool_name": "get_a", "tool_call_id": "a"},
        {"role": "tool", "content": "of b", "tool_name": "get_b", "tool_call_id": "b"},
    ]
    # An error of the queue about a message names the one that the client sent.
    assert asked.parameter("messages.2.content") == "messages[3].content"
    assert asked.parameter("messages.1.tool_calls.1.function.arguments") == (
        "messages[1].tool_calls[1].function.arguments"
    )


@pytest.mark.parametrize("ids", [("b", "x"), ("b", "b"), ("b", None)])
def test_results_that_do_not_name_their_calls_stay_as_they_are(ids: tuple[str | None, ...]) -> None:
    """Nothing is guessed where an id is unknown, missing or there twice."""
    results = [{"role": "tool", "tool_call_id": name, "content": str(name)} for name in ids]
    made = job({"role": "assistant", "tool_calls": CALLS}, *results)["messages"]
    assert [message["content"] for message in made[1:]] == [str(name) for name in ids]


def test_an_image_is_named_by_its_part() -> None:
    """The queue's error about an image names the part that holds it, not the place that it has in the job."""
    part = {"type": "image_url", "image_url": {"url": PICTURE}}
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part, part]}]}
    asked = read_chat(body)
    assert asked.parameter("messages.0.images.1") == "messages[0].content[2].image_url.url"
    assert asked.parameter("images") == "messages"

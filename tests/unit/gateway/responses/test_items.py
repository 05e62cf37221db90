"""The items of an input as the messages of a chat."""

from typing import Any

import pytest

from gateway.responses.parsed_request import History, parse_request, read_request

PICTURE = "data:image/png;base64,AAAA"
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Rome"}'}


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ("hi", [{"role": "user", "content": "hi"}]),
        ([{"role": "developer", "content": "Be kind."}], [{"role": "system", "content": "Be kind."}]),
        (
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
                }
            ],
            [{"role": "user", "content": "a\nb"}],
        ),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}],
            [{"role": "user", "content": "", "images": [PICTURE]}],
        ),
        (
            [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}], "id": "rs_1"},
                CALL,
                {**CALL, "call_id": "c2"},
                {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "wet"}]},
            ],
            [
                {
                    "role": "assistant",
                    "content": "",
                    "thinking": "Hm",
                    "tool_calls": [
                        {"id": name, "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
                        for name in ("c1", "c2")
                    ],
                },
                {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "c1"},
                {"role": "tool", "content": "wet", "tool_name": "weather", "tool_call_id": "c2"},
            ],
        ),
        (
            [{"role": "assistant", "content": "a"}, {"type": "reasoning", "encrypted_content": "Hm"}, CALL],
            [
                {
                    "role": "assistant",
                    "content": "a",
                    "thinking": "Hm",
                    "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}],
                }
            ],
        ),
        (
            [
                {"type": "reasoning", "encrypted_content": "Hm"},
                {"type": "reasoning", "encrypted_content": "so"},
                {"role": "assistant", "content": "a"},
                {"type": "reasoning", "encrypted_content": "then"},
                CALL,
            ],
            [
                {
                    "role": "assistant",
                    "content": "a",
                    "thinking": "Hm\nso\nthen",
                    "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}],
                }
            ],
        ),
        (
            [{"type": "reasoning", "encrypted_content": "Hm"}, {"role": "assistant", "content": "a"}],
            [{"role": "assistant", "content": "a", "thinking": "Hm"}],
        ),
        (
            [{"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]}, CALL],
            [
                {
                    "role": "assistant",
                    "content": "a",
                    "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}],
                }
            ],
        ),
    ],
)
def test_items_become_messages(given: Any, messages: list[dict[str, Any]]) -> None:
    """As Ollama's own endpoint reads them, which of several thoughts has the last one alone."""
    made = parse_request(read_request({"model": "m", "input": given}), History())

    assert made.job["messages"] == messages

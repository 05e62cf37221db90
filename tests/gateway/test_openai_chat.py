"""OpenAI's chat completions over HTTP, answered by a scripted host."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service

PATH = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]
TOOLS_MODEL = "smollm2-tools:135m"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALLS = [
    {"id": "call_one", "function": {"index": 0, "name": "weather", "arguments": {"city": "Rome"}}},
    {"function": {"index": 1, "name": "weather", "arguments": {"city": "Oslo"}}},
]


def post_chat(gateway: GatewayProcess, **parameters: Any) -> httpx.Response:
    return gateway.http.post(PATH, json={"model": MODEL, "messages": HI, **parameters})


def read_chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream that ends well."""
    frames = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line.startswith("data: ")]
    assert frames[-1] == "[DONE]", answer.text
    return [json.loads(frame) for frame in frames[:-1]]


def test_an_answer_has_openais_form(gateway: GatewayProcess, service: Service) -> None:
    """Members, finish reason, usage, and the job's id in a header and in the id."""
    service.ollama.script(tokens=["Hi", " there"], final={"prompt_eval_count": 7, "eval_count": 2})
    answer = post_chat(gateway, service_tier="auto", metadata={"a": "b"}, max_tokens=9)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    job_id, body = answer.headers["x-llamaq-job"], answer.json()
    assert isinstance(body.pop("created"), int)
    assert body == {
        "id": f"chatcmpl-{job_id}",
        "object": "chat.completion",
        "model": MODEL,
        "system_fingerprint": "fp_ollama",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi there", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
        "service_tier": "default",
        "metadata": {"a": "b"},
    }
    (asked,) = service.list_requests("/api/chat")
    assert asked["options"] == {"temperature": 1.0, "top_p": 1.0, "num_predict": 9}
    assert asked["messages"] == HI


def test_a_stream_has_openais_chunks(gateway: GatewayProcess, service: Service) -> None:
    """The role, each piece, the finish reason, the usage, and [DONE]."""
    figures = {"prompt_eval_count": 7, "eval_count": 2}
    service.ollama.script(tokens=["Hi", " there"], done_reason="length", final=figures)
    answer = post_chat(gateway, stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"] == "text/event-stream"
    found = read_chunks(answer)
    assert {chunk["id"] for chunk in found} == {f"chatcmpl-{answer.headers['x-llamaq-job']}"}
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}
    *pieces, finish, usage = found
    assert pieces[0]["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in pieces) == "Hi there"
    assert finish["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    assert all(chunk["usage"] is None for chunk in found[:-1])


def test_a_stream_without_usage_has_none(gateway: GatewayProcess, service: Service) -> None:
    """Only who asks for it gets a chunk without choices."""
    assert all("usage" not in chunk and chunk["choices"] for chunk in read_chunks(post_chat(gateway, stream=True)))


@pytest.mark.parametrize(
    ("tier", "lane", "shown"),
    [
        ("priority", "interactive", "priority"),
        ("fast", "interactive", "priority"),
        ("default", "normal", "default"),
        ("flex", "batch", "flex"),
    ],
)
def test_a_tier_is_a_lane_and_metadata_is_kept(
    gateway: GatewayProcess, service: Service, tier: str, lane: str, shown: str
) -> None:
    """Whoever looks at the job sees both; the answer has the tier as OpenAI does."""
    answer = post_chat(gateway, service_tier=tier, metadata={"for": "test"})
    assert answer.json()["service_tier"] == shown
    status = service.queue.job(answer.headers["x-llamaq-job"]).status()
    assert (status.lane, status.metadata) == (lane, {"for": "test"})


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_calls_have_ids_and_indexes(gateway: GatewayProcess, service: Service, stream: bool) -> None:
    """A call without an id gets one, and arguments are a text of JSON."""
    service.ollama.script(tokens=[], tool_calls=CALLS)
    answer = post_chat(gateway, model=TOOLS_MODEL, tools=[WEATHER], stream=stream)
    if stream:
        found = read_chunks(answer)
        calls = [call for chunk in found for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
        assert [call.pop("index") for call in calls] == [0, 1]
        reason = found[-1]["choices"][0]["finish_reason"]
    else:
        choice = answer.json()["choices"][0]
        calls, reason = choice["message"]["tool_calls"], choice["finish_reason"]
        assert choice["message"]["content"] is None
    assert reason == "tool_calls"
    first, second = calls
    assert first == {
        "id": "call_one",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
    }
    assert second["id"].startswith("call_")
    assert second["id"] != first["id"]
    assert json.loads(second["function"]["arguments"]) == {"city": "Oslo"}
    assert service.list_requests("/api/chat")[0]["tools"] == [WEATHER]

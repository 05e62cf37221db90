"""OpenAI's other endpoints, and its errors, over HTTP."""

import base64
import struct
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.integration.test_multimodal import picture
from tests.service import Service, wait_until

EMBED = "smollm2-embed:135m"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}


def test_a_completion(gateway: GatewayProcess, service: Service) -> None:
    """A prompt goes to `/api/generate`, with its options."""
    service.ollama.script(tokens=["b", "c"], done_reason="length")
    answer = gateway.http.post("/v1/completions", json={"model": MODEL, "prompt": "a", "max_tokens": 2, "seed": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"] == [{"text": "bc", "index": 0, "logprobs": None, "finish_reason": "length"}]
    (asked,) = service.list_requests("/api/generate")
    assert asked["prompt"] == "a"
    assert asked["options"] == {"temperature": 1.0, "top_p": 1.0, "num_predict": 2, "seed": 1}


def test_a_stream_of_a_completion(gateway: GatewayProcess, service: Service) -> None:
    """Chunks of texts, and [DONE]."""
    service.ollama.script(tokens=["b", "c"])
    answer = gateway.http.post("/v1/completions", json={"model": MODEL, "prompt": "a", "stream": True})
    assert '"text":"' in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(gateway: GatewayProcess, service: Service, encoding: str) -> None:
    """A vector for each text, in either encoding; the dimensions go to the host."""
    service.ollama.script(embeddings=[[0.5, 1.0], [0.25, 0.0]])
    body = {"model": EMBED, "input": ["a", "b"], "encoding_format": encoding, "dimensions": 2, "user": "u"}
    answer = gateway.http.post("/v1/embeddings", json=body)
    assert answer.status_code == 200, answer.text
    vectors = [entry["embedding"] for entry in answer.json()["data"]]
    if encoding == "base64":
        vectors = [list(struct.unpack("<2f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [[0.5, 1.0], [0.25, 0.0]]
    assert service.list_requests("/api/embed")[0]["dimensions"] == 2


def test_an_image_reaches_the_host(gateway: GatewayProcess, service: Service) -> None:
    """As base64 in the message that had it."""
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    messages = [{"role": "user", "content": content}]
    answer = gateway.http.post("/v1/chat/completions", json={"model": "smollm2-vision:135m", "messages": messages})
    assert answer.status_code == 200, answer.text
    (message,) = service.list_requests("/api/chat")[0]["messages"]
    assert message["content"] == "What is it?"
    assert len(message["images"]) == 1


def test_models_are_listed_and_found(gateway: GatewayProcess, service: Service) -> None:
    """The list of the fleet, and one of them by its name in any case."""
    listed = gateway.http.get("/v1/models").json()
    assert {entry["id"] for entry in listed["data"]} >= {MODEL, EMBED}
    assert listed["object"] == "list"
    one = gateway.http.get(f"/v1/models/{MODEL.upper()}").json()
    assert one["object"] == "model"
    assert one["id"] == MODEL.upper()
    gone = gateway.http.get("/v1/models/ann/nope:1b")
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "model_not_found"


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "f"}}
LONG = {"role": "user", "content": "x" * 200_001}


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("chat/completions", {**CHAT, "model": "nope:1b"}, 404, "model_not_found", "model"),
        ("chat/completions", {**CHAT, "n": 2}, 400, "unsupported_parameter", "n"),
        ("chat/completions", {**CHAT, "temperature": "x"}, 400, "invalid_type", "temperature"),
        ("chat/completions", {**CHAT, "model": "a b"}, 400, "invalid_request", "model"),
        ("chat/completions", {**CHAT, "messages": [LONG]}, 400, "invalid_request", "messages[0].content"),
        (
            "chat/completions",
            {**CHAT, "messages": [{"role": "user", "content": [IMAGE]}]},
            400,
            "invalid_request",
            "messages[0].content[0].image_url.url",
        ),
        ("chat/completions", {**CHAT, "tools": [TOOL]}, 400, "unsupported", "tools"),
        ("chat/completions", {**CHAT, "reasoning_effort": "low"}, 400, "unsupported", "reasoning_effort"),
        (
            "chat/completions",
            {
                **CHAT,
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]},
                ],
            },
            400,
            "invalid_request",
            "messages[0].tool_calls[0].function.arguments",
        ),
        ("completions", {"model": MODEL, "prompt": ""}, 400, "invalid_request", "prompt"),
        ("completions", {"model": MODEL, "prompt": "a", "suffix": "b"}, 400, "unsupported", "suffix"),
        ("embeddings", {"model": EMBED, "input": [1, 2]}, 400, "unsupported_parameter", "input"),
        ("embeddings", {"model": EMBED, "input": ["a", ""]}, 400, "invalid_request", "input[1]"),
        ("embeddings", {"model": MODEL, "input": "a"}, 400, "unsupported", "model"),
    ],
)  # fmt: skip
def test_an_error_names_the_parameter(
    gateway: GatewayProcess, service: Service, path: str, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    """Whoever refuses it, the gateway or the queue, it is the name that the client has sent."""
    answer = gateway.http.post(f"/v1/{path}", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param), error
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("body", ["{", "", "[]", '"x"'])
def test_a_body_that_is_no_object(gateway: GatewayProcess, service: Service, body: str) -> None:
    """In OpenAI's form too."""
    answer = gateway.http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_full_queue_is_429_with_a_time(redis_server: EmbeddedRedis, service: Service) -> None:
    """Clients of OpenAI wait as long as `Retry-After` says, and try again."""
    gates = [service.hold(tokens=["x"]) for _ in range(2)]
    running = [service.queue.generate(MODEL, "x") for _ in gates]
    service.wait_requests(2)
    waits = service.queue.generate(MODEL, "waits")
    wait_until(lambda: waits.status().position == 0)
    with GatewayProcess(redis_server.url, prefix=service.prefix, max_queued=1) as gateway:
        answer = gateway.http.post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert (answer.json()["error"]["type"], answer.json()["error"]["code"]) == ("rate_limit_error", "queue_full")
    for gate in gates:
        service.ollama.release(gate)
    assert all(job.result(timeout=60).text for job in (*running, waits))


@pytest.mark.parametrize("stream", [False, True])
def test_a_strict_schema_holds_to_what_it_promises(gateway: GatewayProcess, service: Service, stream: bool) -> None:
    """A valid answer is given; another is an error, also as the end of a stream."""
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    form = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema, "strict": True}}
    body = {**CHAT, "response_format": form, "stream": stream}
    service.ollama.script(tokens=['{"age":', " 4}"])
    assert gateway.http.post("/v1/chat/completions", json=body).status_code == 200
    assert service.list_requests("/api/chat")[0]["format"]["required"] == ["age"]
    service.ollama.script(tokens=["forty"])
    wrong = gateway.http.post("/v1/chat/completions", json=body)
    assert '"code":"invalid_output"' in wrong.text
    assert wrong.status_code == (200 if stream else 422)
    assert "[DONE]" not in wrong.text

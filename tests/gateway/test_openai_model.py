"""OpenAI's API before a language model: its grammar holds it to what a request asks for."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from embedded.ollama.process import EmbeddedOllama
from embedded.redis import EmbeddedRedis
from embedded.weights import fetch_weights
from llamaq import JobQueue
from tests.conftest import MODEL
from tests.gateway.clients.program import ClientFailed
from tests.gateway.clients.starting import start_program
from tests.gateway_process import GatewayProcess
from tests.service import fresh_name
from tests.worker_process import WorkerProcess

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]
PATH = "/v1/chat/completions"
SHORT = {"type": "string", "maxLength": 12}
BOOK = {
    "type": "object",
    "properties": {"title": SHORT, "year": {"type": "integer", "minimum": 1000, "maximum": 2100}},
    "required": ["title", "year"],
    "additionalProperties": False,
}
CITY = {
    "$defs": {"City": SHORT},
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/City"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTIONS = {"find_book": BOOK, "weather": CITY}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": schema, "strict": True}} for name, schema in
         FUNCTIONS.items()]  # fmt: skip
ASKED: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "The novel Dune came out in 1965."}],
    "temperature": 0,
    "max_tokens": 80,
}


@pytest.fixture(scope="module")
def gateway(redis_server: EmbeddedRedis) -> Iterator[GatewayProcess]:
    """A gateway, a worker and the embedded model."""
    prefix = f"test-{fresh_name()[:12]}"
    with (
        EmbeddedOllama.start(fetch_weights(), slots=1, threads=1) as ollama,
        JobQueue(redis_server.url, prefix=prefix) as queue,
        WorkerProcess(redis_server.url, ollama.url, prefix=prefix, slots=1) as worker,
        GatewayProcess(redis_server.url, prefix=prefix) as gateway,
    ):
        worker.start().ready(queue)
        yield gateway


def ask(gateway: GatewayProcess, **parameters: Any) -> dict[str, Any]:
    """The only choice of an answer."""
    answer = gateway.http.post(PATH, json={**ASKED, **parameters})
    assert answer.status_code == 200, answer.text
    choice: dict[str, Any] = answer.json()["choices"][0]
    return choice


def test_a_strict_schema(gateway: GatewayProcess) -> None:
    """The answer is valid, and as long as it has to be."""
    form = {"type": "json_schema", "json_schema": {"name": "book", "schema": BOOK, "strict": True}}
    choice = ask(gateway, response_format=form)
    assert choice["finish_reason"] == "stop"
    assert jsonschema_rs.is_valid(BOOK, json.loads(choice["message"]["content"]))


def test_a_call_of_a_function(gateway: GatewayProcess) -> None:
    """Its arguments are valid for it."""
    (call,) = ask(gateway, tools=TOOLS[1:], tool_choice="required")["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert jsonschema_rs.is_valid(CITY, json.loads(call["function"]["arguments"]))


def test_a_call_of_one_of_several_is_streamed(gateway: GatewayProcess) -> None:
    """Its arguments come in parts, and are valid for the function that the model has chosen."""
    answer = gateway.http.post(PATH, json={**ASKED, "tools": TOOLS, "tool_choice": "required", "stream": True})
    chunks = [json.loads(part[6:]) for part in answer.text.split("\n\n") if part.startswith("data: {")]
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert jsonschema_rs.is_valid(FUNCTIONS[calls[0]["function"]["name"]], json.loads(arguments))
    assert len(calls) > 2


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("openai_python.py", marks=pytest.mark.needs("package index")),
        pytest.param("openai_node.mjs", marks=pytest.mark.needs("npm", "npm registry")),
    ],
)
def test_openais_clients(gateway: GatewayProcess, program: str) -> None:
    """Whole and streamed, with the figures of a model that is really run; an error is of its class."""
    with start_program(gateway.url, program, "openai") as client:
        asked = {**ASKED, "max_tokens": 8}
        whole = client.call("create", method="chat", **asked)
        chunks = client.call("stream", method="chat", **asked, stream_options={"include_usage": True})
        texts = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
        assert client.call("models") == [MODEL]
        assert whole["choices"][0]["message"]["content"]
        assert "".join(texts)
        assert 0 < chunks[-1]["usage"]["completion_tokens"] <= 8
        assert whole["usage"]["prompt_tokens"] == chunks[-1]["usage"]["prompt_tokens"] > 0
        with pytest.raises(ClientFailed) as raised:
            client.call("create", method="embedding", model=MODEL, input="a")
        assert (raised.value.error["kind"], raised.value.error["status"]) == ("BadRequestError", 400)


@pytest.mark.needs("package index")
@pytest.mark.parametrize(
    ("package", "limit", "methods"),
    [
        ("langchain-openai", "max_tokens", ["json_schema", "function_calling"]),
        ("langchain-ollama", "num_predict", ["json_schema"]),
    ],
)
def test_langchain(gateway: GatewayProcess, package: str, limit: str, methods: list[str]) -> None:
    """An answer, a stream with its figures, and a value by each method that the model can be held to."""
    with start_program(gateway.url, f"{package.replace('-', '_')}_client.py", package) as client:
        asked = {"model": MODEL, "text": "Is Dune a novel?", limit: 8}
        assert client.call("chat", **asked)["text"]
        assert 0 < client.call("stream", **asked)["usage"]["output_tokens"] <= 8
        for method in methods:
            value = client.call("structured", model=MODEL, text=asked["text"], method=method, into="Verdict")
            assert value["yes"] in (True, False)


@pytest.mark.needs("package index")
def test_instructor(gateway: GatewayProcess) -> None:
    """A value of the answer, and of the arguments of a call."""
    with start_program(gateway.url, "instructor_client.py", "instructor") as client:
        for mode in ("JSON_SCHEMA", "TOOLS"):
            assert client.call("one", mode=mode, into="Verdict", **ASKED)["yes"] in (True, False)

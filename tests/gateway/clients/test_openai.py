"""OpenAI's own clients, for Python and Node.js."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, hash_key, render_line
from tests.conftest import MODEL
from tests.contract.test_openai_page import ENDPOINTS
from tests.gateway.clients.conftest import StartProgram
from tests.gateway.clients.program import ClientFailed, Program
from tests.gateway_process import GatewayProcess
from tests.integration.test_multimodal import picture
from tests.service import Service, fresh_name

HI = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
FIGURES = {"prompt_eval_count": 7, "eval_count": 2}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALLS = [{"function": {"index": number, "name": "weather", "arguments": {"city": city}}} for number, city in
         enumerate(("Rome", "Oslo"))]  # fmt: skip
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
pytestmark = [pytest.mark.xdist_group("clients"), pytest.mark.timeout(400)]


@pytest.fixture(
    params=[
        pytest.param("openai_python.py", marks=pytest.mark.needs("package index")),
        pytest.param("openai_node.mjs", marks=pytest.mark.needs("npm", "npm registry")),
    ]
)
def client(request: pytest.FixtureRequest, programs: StartProgram, service: Service) -> Program:
    """Each of the two."""
    return programs(request.param, "openai")


def test_models(client: Program) -> None:
    """The list, and one of them."""
    assert MODEL in client.call("models")
    assert client.call("model", name=MODEL)["owned_by"] == "library"


def test_chat(client: Program, service: Service) -> None:
    """An answer with its figures."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    answer = client.call("create", method="chat", **HI, max_completion_tokens=5, seed=1)
    assert answer["choices"][0]["message"]["content"] == "Hi!"
    assert answer["usage"]["total_tokens"] == 9


def test_stream(client: Program, service: Service) -> None:
    """Chunks, with the figures in the last one; and as the client joins them itself."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES, times=2)
    *pieces, last = client.call("stream", method="chat", **HI, stream_options={"include_usage": True})
    assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces) == "Hi!"
    assert last["usage"]["total_tokens"] == 9
    joined = client.call("accumulated", **HI)
    assert joined["choices"][0]["message"]["content"] == "Hi!"
    assert joined["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("verb", ["create", "accumulated"])
def test_tools(client: Program, service: Service, verb: str) -> None:
    """Two calls at once, their results, and the answer to these; the client's own objects go back as they are."""
    service.ollama.script(tokens=[], tool_calls=CALLS)
    asked = {**HI, "model": "smollm2-tools:135m", "tools": [TOOL]}
    more = {"method": "chat"} if verb == "create" else {}
    message = client.call(verb, **more, **asked)["choices"][0]["message"]
    calls = message["tool_calls"]
    assert [json.loads(call["function"]["arguments"])["city"] for call in calls] == ["Rome", "Oslo"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": f"{n}°"} for n, call in enumerate(calls)]
    service.ollama.script(tokens=["0 and 1"])
    history = [*HI["messages"], {name: message[name] for name in ("role", "content", "tool_calls")}, *results]
    answer = client.call("create", method="chat", **{**asked, "messages": history})
    assert answer["choices"][0]["message"]["content"] == "0 and 1"
    sent = service.list_requests("/api/chat")[1]["messages"]
    assert [each["tool_name"] for each in sent[2:]] == ["weather", "weather"]
    assert sent[1]["tool_calls"][1]["function"]["arguments"] == {"city": "Oslo"}


def test_structured(client: Program, service: Service) -> None:
    """An answer in the form of a schema."""
    service.ollama.script(tokens=['{"name": "Ann",', ' "age": 4}'])
    form = {"type": "json_schema", "json_schema": {"name": "Person", "schema": PERSON, "strict": True}}
    answer = client.call("create", method="chat", **HI, response_format=form)
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"name": "Ann", "age": 4}
    assert service.list_requests("/api/chat")[0]["format"]["required"] == ["name", "age"]


def test_an_image(client: Program, service: Service) -> None:
    """As a data URL."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(picture()).decode()}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]
    answer = client.call("create", method="chat", model="smollm2-vision:135m", messages=messages)
    assert answer["choices"][0]["message"]["content"] == "Hello from the script."
    assert len(service.list_requests("/api/chat")[0]["messages"][0]["images"]) == 1


def test_a_completion(client: Program, service: Service) -> None:
    """Whole, and streamed."""
    asked = {"method": "completion", "model": MODEL, "prompt": "a"}
    assert client.call("create", **asked)["choices"][0]["text"] == "Hello from the script."
    chunks = client.call("stream", **asked)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "Hello from the script."


def test_embeddings(client: Program, service: Service) -> None:
    """The client asks for base64 of its own accord, and reads it."""
    service.ollama.script(embeddings=[[0.5, 1.0], [0.25, 0.0]])
    answer = client.call("create", method="embedding", model="smollm2-embed:135m", input=["a", "b"])
    vectors = [entry["embedding"] for entry in answer["data"]]
    assert [list(vector.values()) if isinstance(vector, dict) else vector for vector in vectors] == [
        [0.5, 1.0],
        [0.25, 0.0],
    ]


@pytest.mark.parametrize(
    ("change", "kind", "status", "code", "param"),
    [
        ({"model": "nope:1b"}, "NotFoundError", 404, "model_not_found", "model"),
        ({"n": 2}, "BadRequestError", 400, "unsupported_parameter", "n"),
        ({"messages": []}, "BadRequestError", 400, "invalid_value", "messages"),
        ({"tools": [TOOL]}, "BadRequestError", 400, "unsupported", "tools"),
    ],
)
def test_errors_are_of_the_clients_classes(
    client: Program, change: dict[str, Any], kind: str, status: int, code: str, param: str
) -> None:
    """With what the client tells of them."""
    with pytest.raises(ClientFailed) as raised:
        client.call("create", method="chat", **{**HI, **change})
    error = raised.value.error
    assert (error["kind"], error["status"], error["code"], error["param"]) == (kind, status, code, param)


@pytest.mark.parametrize("base", ["", "/api", "/api/v1", "/v1/v1", "/v1/api"])
def test_a_wrong_base_address_is_told_with_the_right_one(client: Program, base: str) -> None:
    """The client's error has the path that was meant, and the code: an answer in another form has neither."""
    with pytest.raises(ClientFailed) as raised:
        client.call("at", base=base, **HI)
    error = raised.value.error
    assert (error["kind"], error["status"], error["code"]) == ("NotFoundError", 404, "not_found")
    assert "did you mean /v1/chat/completions?" in error["text"]


@pytest.fixture(scope="module")
def kept(
    shared_front: tuple[Service, GatewayProcess], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that asks for keys."""
    service, _ = shared_front
    path = tmp_path_factory.mktemp("keys") / "keys"
    callers = (Caller("low", "t", highest_lane="batch"), Caller("once", "t", requests_a_minute=1))
    path.write_text("".join(render_line(Entry(hash_key(caller.name), caller)) for caller in callers))
    with GatewayProcess(service.url, prefix=service.prefix, gateway_keys_file=path) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("key", "kind", "status", "code"),
    [
        ("wrong", "AuthenticationError", 401, "invalid_api_key"),
        ("low", "PermissionDeniedError", 403, "priority_not_allowed"),
        ("once", "RateLimitError", 429, "rate_limit_exceeded"),
    ],
)
def test_errors_of_keys_are_of_the_clients_classes(
    client: Program, kept: GatewayProcess, key: str, kind: str, status: int, code: str
) -> None:
    """A wrong key, a lane that a key may not use, and too many requests."""

    def ask() -> None:
        for _ in range(3):  # one a minute: the second is too many, or the third where a minute begins before it
            client.call("elsewhere", **HI, url=kept.url, key=key, service_tier="priority")

    with pytest.raises(ClientFailed) as raised:
        ask()
    error = raised.value.error
    assert (error["kind"], error["status"], error["code"]) == (kind, status, code)


def test_an_error_in_a_stream_is_raised(client: Program, service: Service) -> None:
    """The client does not take what came before for a whole answer."""
    service.ollama.script(tokens=["Hi"], fault="garbage")
    with pytest.raises(ClientFailed) as raised:
        client.call("stream", method="chat", **HI)
    assert raised.value.error["kind"] in {"APIError", "InternalServerError"}
    assert raised.value.error["code"] == "ollama_error"


def test_a_client_that_leaves_cancels_its_job(client: Program, service: Service) -> None:
    """Closing the stream is all that a client does."""
    service.ollama.script(tokens=["a", "b"], hold=fresh_name(), hold_after=1)
    assert client.call("leave", **HI) == "a"
    service.wait_hung_up()


@pytest.mark.needs("package index")
def test_a_type_of_python(programs: StartProgram, service: Service) -> None:
    """`parse` makes a strict schema of a pydantic model, and reads the answer into it."""
    service.ollama.script(tokens=['{"name": "Ann", "age": 4}'])
    found = programs("openai_python.py", "openai").call("parse", **HI)
    assert found == {"name": "Ann", "age": 4}


@pytest.mark.needs("package index")
@pytest.mark.parametrize("method", ["chat", "completion", "embedding"])
def test_every_parameter_of_the_newest_client_is_known(programs: StartProgram, method: str) -> None:
    """Each is a parameter here, or refused with a reason of its own: a new one of OpenAI's fails this test."""
    parameters, refused = ENDPOINTS[method]
    theirs = set(programs("openai_python.py", "openai").call("parameters", method=method))
    assert theirs > {"model", "user"}
    assert theirs - set(parameters.model_fields) - set(refused) == set()

"""OpenAI's own clients, for Python and Node.js: responses, files and batches."""

import json
import os
from typing import Any

import pytest

from demo.run import make_http_lines
from tests.commands import run
from tests.conftest import MODEL
from tests.gateway.batching import CHAT, build_line, encode_lines
from tests.gateway.clients.conftest import StartProgram
from tests.gateway.clients.installed import install_python
from tests.gateway.clients.program import ClientFailed, Program
from tests.gateway_process import GatewayProcess
from tests.service import Service, wait_until

HI = {"model": MODEL, "input": "hi"}
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}
pytestmark = [pytest.mark.xdist_group("clients"), pytest.mark.timeout(400)]


@pytest.fixture(
    params=[
        pytest.param("openai_durable_python.py", marks=pytest.mark.needs("package index")),
        pytest.param("openai_durable_node.mjs", marks=pytest.mark.needs("npm", "npm registry")),
    ]
)
def client(request: pytest.FixtureRequest, programs: StartProgram, service: Service) -> Program:
    """Each of the two."""
    return programs(request.param, "openai")


def ask(client: Program, method: str, *names: str, **body: Any) -> Any:
    return client.call("ask", method=method, names=names, body=body)


def wait_for_end(client: Program, method: str, name: str) -> Any:
    """A response or a batch that has ended, polled as the documentation of the clients does it."""
    found: list[Any] = []
    running = {"queued", "in_progress", "validating", "finalizing", "cancelling"}
    wait_until(lambda: found.append(ask(client, method, name)) or found[-1]["status"] not in running)  # type: ignore[func-returns-value]
    return found[-1]


def test_a_response(client: Program, service: Service) -> None:
    """Its text, its usage, and a second one that follows it."""
    service.ollama.script(tokens=["Hi", "!"], times=None)
    assert client.call("text", **HI, instructions="Be kind.") == "Hi!"
    first = ask(client, "responses.create", **HI)
    second = ask(client, "responses.create", **HI, previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    assert len(service.list_requests("/api/chat")[-1]["messages"]) == 3
    items = client.call("listed", method="responses.input_items.list", names=[first["id"]], body={})
    assert [item["content"][0]["text"] for item in items] == ["hi"]


def test_a_stream_is_joined_and_resumed(client: Program, service: Service) -> None:
    """The client's own snapshots grow; behind an event comes the rest of the stream."""
    service.ollama.script(tokens=["Hi", "!"], thinking=["hm"], times=None)
    joined = client.call("accumulated", **HI)
    assert joined["text"] == joined["snapshots"][-1] == "Hi!"
    events = client.call("listed", method="responses.create", names=[], body={**HI, "stream": True, "background": True})
    name, middle = events[0]["response"]["id"], events[4]["sequence_number"]
    rest = client.call(
        "listed", method="responses.retrieve", names=[name], body={"stream": True, "starting_after": middle}
    )
    assert [event["type"] for event in rest] == [event["type"] for event in events[5:]]
    assert rest[-1]["response"]["output"][-1]["content"][0]["text"] == "Hi!"


def test_a_background_response_is_polled_cancelled_and_deleted(client: Program, service: Service) -> None:
    """As the documentation of the clients does it."""
    gate = service.hold(tokens=["Hi"])
    first = ask(client, "responses.create", **HI, background=True)
    service.wait_held(gate)
    assert ask(client, "responses.retrieve", first["id"])["status"] in {"queued", "in_progress"}
    assert ask(client, "responses.cancel", first["id"])["status"] == "cancelled"
    service.wait_hung_up()
    second = ask(client, "responses.create", **HI, background=True)
    assert wait_for_end(client, "responses.retrieve", second["id"])["status"] == "completed"
    ask(client, "responses.delete", second["id"])
    with pytest.raises(ClientFailed) as raised:
        ask(client, "responses.retrieve", second["id"])
    assert raised.value.error["kind"] == "NotFoundError"


def test_a_tool_is_called(client: Program, service: Service) -> None:
    """Over two responses."""
    service.ollama.script(tool_calls=[{"function": {"name": "weather", "arguments": {"city": "Rome"}}}])
    service.ollama.script(tokens=["Sunny."])
    asked = {**HI, "model": "smollm2-tools:135m", "tools": [TOOL]}
    first = ask(client, "responses.create", **asked)
    (call,) = [item for item in first["output"] if item["type"] == "function_call"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
    follows = {**asked, "input": [output], "previous_response_id": first["id"]}
    assert json.loads(call["arguments"]) == {"city": "Rome"}
    assert client.call("text", **follows) == "Sunny."


@pytest.mark.needs("package index")
def test_a_type_of_python(programs: StartProgram, service: Service) -> None:
    """`parse` makes a strict schema of a pydantic model, and reads the answer into it."""
    service.ollama.script(tokens=['{"name": "Ann", "age": 4}'])
    found = programs("openai_durable_python.py", "openai").call("parse", **HI)
    assert found == {"name": "Ann", "age": 4}


@pytest.mark.parametrize(
    ("change", "kind", "status", "code", "param"),
    [
        ({"model": "nope:1b"}, "NotFoundError", 404, "model_not_found", "model"),
        ({"conversation": "c"}, "BadRequestError", 400, "unsupported_parameter", "conversation"),
        ({"input": []}, "BadRequestError", 400, "invalid_type", "input"),
        ({"previous_response_id": "resp_x"}, "NotFoundError", 404, "response_not_found", "previous_response_id"),
    ],
)
def test_errors_are_of_the_clients_classes(
    client: Program, change: dict[str, Any], kind: str, status: int, code: str, param: str
) -> None:
    """With what the client tells of them."""
    with pytest.raises(ClientFailed) as raised:
        ask(client, "responses.create", **{**HI, **change})
    error = raised.value.error
    assert (error["kind"], error["status"], error["code"], error["param"]) == (kind, status, code, param)


@pytest.mark.needs("package index")
def test_the_line_of_the_demo(gateway: GatewayProcess, service: Service) -> None:
    """As it stands, once `pip install openai` has been run."""
    service.ollama.script(tokens=["Rayleigh."])
    environment = {"PATH": f"{install_python('openai').parent}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
    done = run(["sh", "-c", make_http_lines(gateway.url, MODEL)[2]], env=environment, timeout=60)
    assert (done.stdout, done.stderr) == ("Rayleigh.\n", "")


def test_a_batch(client: Program, service: Service) -> None:
    """A file goes in, a file comes out; lists and errors are the client's own."""
    service.ollama.script(tokens=["fine"], times=None)
    lines = [build_line("a"), build_line("b"), build_line("c", model="nope:1b", messages=[])]
    name = client.call("upload", content=encode_lines(lines))
    given = {"input_file_id": name, "endpoint": CHAT, "completion_window": "24h", "metadata": {"a": "b"}}

    batch = ask(client, "batches.create", **given)

    done = wait_for_end(client, "batches.retrieve", batch["id"])
    assert (done["status"], done["metadata"]) == ("completed", {"a": "b"})
    assert done["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    rows = [json.loads(text) for text in client.call("content", name=done["output_file_id"]).splitlines()]
    assert [row["custom_id"] for row in rows] == ["a", "b"]
    assert {row["response"]["body"]["choices"][0]["message"]["content"] for row in rows} == {"fine"}
    failed = json.loads(client.call("content", name=done["error_file_id"]))
    assert failed["custom_id"] == "c"
    assert batch["id"] in [each["id"] for each in client.call("listed", method="batches.list", names=[], body={})]
    files = client.call("listed", method="files.list", names=[], body={})
    assert {name, done["output_file_id"]} <= {each["id"] for each in files}
    with pytest.raises(ClientFailed) as raised:
        ask(client, "batches.cancel", batch["id"])
    assert raised.value.error["kind"] == "ConflictError"
    assert ask(client, "files.delete", name)["deleted"]

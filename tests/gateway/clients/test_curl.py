"""Ollama's API by curl, as its documentation shows it."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.run import make_http_lines
from embedded.child import bind_command
from tests.commands import run
from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name

PAGES = Path(__file__).resolve().parents[3]
COMMANDS = [
    command
    for page in ("README.md", "docs/http.md")
    for command in re.findall(r"^curl http://127\.0\.0\.1:11435(?:.*\\\n)*.*", (PAGES / page).read_text(), re.MULTILINE)
]
pytestmark = pytest.mark.needs("curl")


def curl(gateway: GatewayProcess, path: str, *arguments: str, body: object = None) -> Sequence[str]:
    """The lines of an answer, with `-w` its status behind them."""
    data = [] if body is None else ["-d", json.dumps(body)]  # without a content type of JSON
    done = run(["curl", "-sS", *arguments, *data, f"{gateway.url}{path}"], timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_lists(gateway: GatewayProcess) -> None:
    """Whether it runs, its version and its models."""
    assert curl(gateway, "/") == ["Ollama is running"]
    assert json.loads(curl(gateway, "/api/version")[0]) == {"version": "0.32.15"}
    assert MODEL in {model["name"] for model in json.loads(curl(gateway, "/api/tags")[0])["models"]}
    assert json.loads(curl(gateway, "/api/show", body={"model": MODEL})[0])["capabilities"] == ["completion"]


def test_chat_and_completion(gateway: GatewayProcess, service: Service) -> None:
    """A stream, and whole."""
    service.ollama.script(tokens=["Hi", "!"], times=2)
    messages = [{"role": "user", "content": "hi"}]
    lines = [json.loads(line) for line in curl(gateway, "/api/chat", body={"model": MODEL, "messages": messages})]
    (whole,) = curl(gateway, "/api/generate", body={"model": MODEL, "prompt": "hi", "stream": False})

    assert "".join(line["message"]["content"] for line in lines) == json.loads(whole)["response"] == "Hi!"
    assert [line["done"] for line in lines][-1] is True


def test_structured_and_embeddings(gateway: GatewayProcess, service: Service) -> None:
    """A schema in the body; vectors."""
    service.ollama.script(tokens=['{"age": 4}'])
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    asked = {"model": MODEL, "prompt": "x", "format": schema, "stream": False}
    assert json.loads(json.loads(curl(gateway, "/api/generate", body=asked)[0])["response"]) == {"age": 4}
    service.ollama.script(embeddings=[[0.5, 1.0]])
    (vectors,) = curl(gateway, "/api/embed", body={"model": "smollm2-embed:135m", "input": "a"})
    assert json.loads(vectors)["embeddings"] == [[0.5, 1]]


def test_errors(gateway: GatewayProcess) -> None:
    """A status and one line."""
    *body, status = curl(gateway, "/api/chat", "-w", "\n%{http_code}", body={"model": "nope"})
    assert (json.loads(body[0]), status) == ({"error": "model 'nope' not found"}, "404")
    assert curl(gateway, "/api/nosuch", "-w", "\n%{http_code}") == ["404 page not found", "404"]


@pytest.mark.parametrize("command", [*COMMANDS, make_http_lines("http://127.0.0.1:11435", "llama3.2")[0]])
def test_the_commands_of_the_pages_and_the_demo(gateway: GatewayProcess, command: str) -> None:
    """As they stand, with a `Content-Type` of JSON and with curl's own: a job that has ended well."""
    here = command.replace("http://127.0.0.1:11435", gateway.url).replace("llama3.2", MODEL)
    done = run(["sh", "-c", here], timeout=60)
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert (status["state"], status["result"]["text"]) == ("completed", "Hello from the script.")


def test_the_pages_have_commands() -> None:
    """One with a `Content-Type`, and one without."""
    assert sorted("Content-Type" in command for command in COMMANDS) == [False, True]


def test_a_curl_that_is_ended_cancels_its_job(gateway: GatewayProcess, service: Service) -> None:
    """As by Ctrl-C."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    body = json.dumps({"model": MODEL, "prompt": fresh_name()})
    command = ["curl", "-sSN", "-d", body, f"{gateway.url}/api/generate"]
    with subprocess.Popen(bind_command(command), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["response"] == "a"
        process.terminate()
    service.wait_hung_up()
    service.ollama.release(gate)

"""Ollama's own clients, for Python and Node.js."""

import base64
import json
from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway.clients.conftest import StartProgram
from tests.gateway.clients.program import ClientFailed, Program
from tests.integration.test_multimodal import picture
from tests.service import Service, fresh_name, wait_until

HI: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
FIGURES = {"prompt_eval_count": 7, "eval_count": 2}
CALLS = [{"function": {"index": number, "name": "weather", "arguments": {"city": city}}} for number, city in
         enumerate(("Rome", "Oslo"))]  # fmt: skip
pytestmark = [pytest.mark.xdist_group("clients"), pytest.mark.timeout(400)]


@pytest.fixture(
    params=[
        pytest.param("ollama_python.py", marks=pytest.mark.needs("package index")),
        pytest.param("ollama_node.mjs", marks=pytest.mark.needs("npm", "npm registry")),
    ]
)
def client(request: pytest.FixtureRequest, programs: StartProgram, service: Service) -> Program:
    """Each of the two."""
    return programs(request.param, "ollama")


def test_list(client: Program) -> None:
    """The models of the fleet, and those in memory."""
    names = [model["model"] for model in client.call("ask", method="list")["models"]]
    assert MODEL in names
    assert {model["model"] for model in client.call("ask", method="ps")["models"]} <= set(names)


def test_show(client: Program) -> None:
    """One model in detail."""
    card = client.call("ask", method="show", model="smollm2-tools:135m")
    assert (card["capabilities"], card["details"]["family"]) == (["completion", "tools"], "llama")


def test_chat(client: Program, service: Service) -> None:
    """An answer with its figures; the options and `keep_alive` reach the host."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    answer = client.call("ask", method="chat", **HI, options={"seed": 1, "temperature": 0}, keep_alive="5m")
    assert (answer["message"]["content"], answer["done_reason"]) == ("Hi!", "stop")
    assert (answer["prompt_eval_count"], answer["eval_count"]) == (7, 2)
    assert service.list_requests("/api/chat")[0]["options"] == {"seed": 1, "temperature": 0.0}
    assert service.list_requests("/api/chat")[0]["keep_alive"] == 300


def test_generate(client: Program, service: Service) -> None:
    """A completion, with a context for the next."""
    service.ollama.script(tokens=["Hi", "!"])
    answer = client.call("ask", method="generate", model=MODEL, prompt="hi", system="Be brief.")
    assert (answer["response"], answer["context"]) == ("Hi!", [1, 4093, 198])


@pytest.mark.parametrize(("method", "asked"), [("chat", HI), ("generate", {"model": MODEL, "prompt": "hi"})])
def test_stream(client: Program, service: Service, method: str, asked: dict[str, Any]) -> None:
    """Pieces, and a last one with the figures."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    parts = client.call("stream", method=method, **asked)
    texts = [part["message"]["content"] if method == "chat" else part["response"] for part in parts]
    assert "".join(texts) == "Hi!"
    assert (parts[-1]["done"], parts[-1]["eval_count"]) == (True, 2)
    assert not any(part["done"] for part in parts[:-1])


def test_thinking(client: Program, service: Service) -> None:
    """Thoughts apart from the answer."""
    service.ollama.script(thinking=["Hm", "."], tokens=["Hi"])
    answer = client.call("ask", method="chat", **{**HI, "model": "smollm2-thinking:135m"}, think=True)
    assert (answer["message"]["thinking"], answer["message"]["content"]) == ("Hm.", "Hi")


def test_tools(client: Program, service: Service) -> None:
    """Two calls at once, and the answer to their results."""
    service.ollama.script(tokens=[], tool_calls=CALLS)
    service.ollama.script(tokens=["warm"])
    assert client.call("tools", model="smollm2-tools:135m", text="Where?") == "warm"
    results = service.list_requests("/api/chat")[1]["messages"][2:]
    assert [(result["tool_name"], result["content"]) for result in results] == [
        ("weather", "warm in Rome"),
        ("weather", "warm in Oslo"),
    ]


def test_structured(client: Program, service: Service) -> None:
    """An answer in the form of a schema."""
    service.ollama.script(tokens=['{"name": "Ann",', ' "age": 4}'])
    assert client.call("structured", model=MODEL, text="Ann is 4.") == {"name": "Ann", "age": 4}
    assert service.list_requests("/api/chat")[0]["format"]["required"] == ["name", "age"]


def test_an_image(client: Program, service: Service) -> None:
    """It reaches the host; a model without vision refuses it."""
    image = base64.b64encode(picture()).decode()
    asked = {"messages": [{"role": "user", "content": "What?", "images": [image]}]}
    answer = client.call("ask", method="chat", model="smollm2-vision:135m", **asked)
    assert answer["message"]["content"] == "Hello from the script."
    assert len(service.list_requests("/api/chat")[0]["messages"][0]["images"]) == 1
    with pytest.raises(ClientFailed) as raised:
        client.call("ask", method="chat", model=MODEL, **asked)
    assert "Multimodal data provided" in raised.value.error["text"]


def test_embeddings(client: Program, service: Service) -> None:
    """By both endpoints."""
    service.ollama.script(embeddings=[[0.5, 1.0], [0.25, 0.0]])
    service.ollama.script(embeddings=[[0.5, 1.0]])
    model = "smollm2-embed:135m"
    assert client.call("ask", method="embed", model=model, input=["a", "b"])["embeddings"] == [[0.5, 1.0], [0.25, 0.0]]
    assert client.call("ask", method="embeddings", model=model, prompt="a")["embedding"] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("method", "change", "status", "text"),
    [
        ("chat", {"model": "nope:1b"}, 404, "model 'nope:1b' not found"),
        ("chat", {"model": "smollm2-embed:135m"}, 400, "does not support chat"),
        ("chat", {"think": True}, 400, "does not support thinking"),
        ("chat", {"options": {"seed": "x"}}, 500, 'option "seed" must be of type integer'),
        ("pull", {"model": "nope:1b"}, 403, "LLAMAQ_PULL_ALLOWED"),
    ],
)
def test_errors_are_those_of_the_client(
    client: Program, method: str, change: dict[str, Any], status: int, text: str
) -> None:
    """Its own class, with the status and the text."""
    asked = {**(HI if method == "chat" else {}), **change}
    with pytest.raises(ClientFailed) as raised:
        client.call("ask", method=method, **asked)
    error = raised.value.error
    assert (error["kind"], error["status"]) == ("ResponseError", status)
    assert text in error["text"]


@pytest.mark.parametrize("base", ["/v1", "/api", "/v1/api"])
def test_a_wrong_base_address_is_told_with_the_right_one(client: Program, base: str) -> None:
    """The client's error is a sentence, and no object of another form."""
    with pytest.raises(ClientFailed) as raised:
        client.call("at", base=base, **HI)
    error = raised.value.error
    assert (error["kind"], error["status"]) == ("ResponseError", 404)
    assert "{" not in error["text"]
    assert "did you mean /api/chat?" in error["text"]


def test_an_error_in_a_stream_is_raised(client: Program, service: Service) -> None:
    """The client does not take what came before for a whole answer."""
    service.ollama.script(tokens=["Hi"], fault="error")
    with pytest.raises(ClientFailed) as raised:
        client.call("stream", method="chat", **HI)
    assert "an error was encountered while running the model" in raised.value.error["text"]


def test_a_client_that_leaves_cancels_its_job(client: Program, service: Service) -> None:
    """Closing the stream is all that a client does."""
    service.ollama.script(tokens=["a", "b"], hold=fresh_name(), hold_after=1)
    assert client.call("leave", **HI) == "a"
    service.wait_hung_up()


def test_a_client_that_leaves_before_the_answer_cancels_its_job(client: Program, service: Service) -> None:
    """Its patience is over while the model is at work, or before."""
    service.hold()
    assert client.call("impatient", seconds=1, **HI) == "left"
    wait_until(lambda: service.queue.jobs(1)[0].state == "cancelled")


def test_what_a_client_sends_is_what_the_host_gets(client: Program, service: Service) -> None:
    """A history with calls and their results goes through unchanged."""
    call = {"function": {"name": "weather", "arguments": {"city": "Rome", "days": 2}}}
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "18C", "tool_name": "weather"},
        {"role": "user", "content": "And <b>now</b>?"},
    ]
    client.call("ask", method="chat", model=MODEL, messages=history)
    sent = json.loads(json.dumps(service.list_requests("/api/chat")[0]["messages"]))
    assert sent == history

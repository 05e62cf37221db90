"""LangChain with `langchain-openai`."""

import base64
from typing import Any

import pytest

from tests.conftest import MODEL
from tests.gateway.clients.conftest import StartProgram
from tests.gateway.clients.program import ClientFailed, Program
from tests.integration.test_multimodal import picture
from tests.service import Service, fresh_name

FIGURES = {"prompt_eval_count": 7, "eval_count": 2}
ANN = {"name": "Ann", "age": 4}
CALLS = [{"function": {"name": "weather", "arguments": {"city": city}}} for city in ("Rome", "Oslo")]
pytestmark = [
    pytest.mark.needs("package index"),
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def client(programs: StartProgram, service: Service) -> Program:
    """The program."""
    return programs("langchain_openai_client.py", "langchain-openai")


def test_chat(client: Program, service: Service) -> None:
    """An answer with its figures."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    answer = client.call("chat", model=MODEL, text="hi", temperature=0, max_tokens=5, service_tier="flex")
    assert (answer["text"], answer["usage"]["total_tokens"]) == ("Hi!", 9)
    assert answer["metadata"]["finish_reason"] == "stop"
    assert answer["metadata"]["service_tier"] == "flex"


def test_stream(client: Program, service: Service) -> None:
    """Pieces that add up, with the figures in the last one."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    answer = client.call("stream", model=MODEL, text="hi")
    assert (answer["text"], answer["usage"]["total_tokens"]) == ("Hi!", 9)


def test_tools(client: Program, service: Service) -> None:
    """Two calls at once, and the answer to their results."""
    service.ollama.script(tokens=[], tool_calls=CALLS)
    service.ollama.script(tokens=["warm"])
    assert client.call("tools", model="smollm2-tools:135m", text="Where?") == "warm"
    results = service.list_requests("/api/chat")[1]["messages"][2:]
    assert [result["content"] for result in results] == ["warm in Rome", "warm in Oslo"]


def test_a_call_that_has_to_be_made(client: Program, service: Service) -> None:
    """Of any of two tools, also of a model that knows no tools."""
    service.ollama.script(tokens=['{"name": "time",', ' "arguments": {"city": "Rome"}}'])
    (call,) = client.call("any_tool", model=MODEL, text="When?")
    assert (call["name"], call["args"]) == ("time", {"city": "Rome"})


@pytest.mark.parametrize(
    "options",
    [
        {"method": "json_schema"},
        {"method": "json_schema", "strict": True},
        {"method": "json_mode"},
        {"method": "function_calling"},
        {"method": "function_calling", "strict": True},
    ],
)
def test_structured(client: Program, service: Service, options: dict[str, Any]) -> None:
    """By a schema, as any JSON, and by a function that the model has to call."""
    service.ollama.script(tokens=['{"name": "Ann",', ' "age": 4}'])
    assert client.call("structured", model=MODEL, text="Ann is 4", **options) == ANN
    assert service.list_requests("/api/chat")[0]["format"]


def test_an_image(client: Program, service: Service) -> None:
    """As a data URL."""
    url = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    assert client.call("image", model="smollm2-vision:135m", url=url) == "Hello from the script."


def test_a_completion(client: Program, service: Service) -> None:
    """LangChain streams the older kind of itself."""
    service.ollama.script(tokens=["b"])
    assert client.call("completion", model=MODEL, text="a") == "b"


def test_embeddings(client: Program, service: Service) -> None:
    """With the setting that leaves texts as texts; the refusal of tokens names it."""
    service.ollama.script(embeddings=[[0.5, 1.0], [0.25, 0.0]])
    asked = {"model": "smollm2-embed:135m", "texts": ["a", "b"]}
    assert client.call("embed", **asked, check_embedding_ctx_length=False) == [[0.5, 1.0], [0.25, 0.0]]


def test_errors(client: Program, service: Service) -> None:
    """They are OpenAI's classes."""
    with pytest.raises(ClientFailed) as raised:
        client.call("chat", model="nope:1b", text="hi")
    assert "NotFound" in raised.value.error["kind"]
    with pytest.raises(ClientFailed) as raised:
        client.call("chat", model=MODEL, text="hi", n=2)
    assert (raised.value.error["status"], raised.value.error["param"]) == (400, "n")


def test_a_reader_that_leaves_cancels_its_job(client: Program, service: Service) -> None:
    """Closing the stream is all that a program does."""
    service.ollama.script(tokens=["a", "b"], hold=fresh_name(), hold_after=1)
    assert client.call("leave", model=MODEL, text="hi") == "a"
    service.wait_hung_up()

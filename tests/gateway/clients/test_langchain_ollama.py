"""LangChain with `langchain-ollama`."""

import base64

import pytest

from tests.conftest import MODEL
from tests.gateway.clients.conftest import StartProgram
from tests.gateway.clients.program import ClientFailed, Program
from tests.integration.test_multimodal import picture
from tests.service import Service, fresh_name

FIGURES = {"prompt_eval_count": 7, "eval_count": 2}
CALLS = [{"function": {"name": "weather", "arguments": {"city": city}}} for city in ("Rome", "Oslo")]
ANN = {"name": "Ann", "age": 4}
pytestmark = [
    pytest.mark.needs("package index"),
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def client(programs: StartProgram, service: Service) -> Program:
    """The program."""
    return programs("langchain_ollama_client.py", "langchain-ollama")


def test_chat(client: Program, service: Service) -> None:
    """An answer with its figures; a model that is not there is known at once."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    answer = client.call("chat", model=MODEL, text="hi", temperature=0, num_predict=5, validate_model_on_init=True)
    assert (answer["text"], answer["usage"]["total_tokens"]) == ("Hi!", 9)
    assert answer["metadata"]["done_reason"] == "stop"
    assert service.list_requests("/api/chat")[0]["options"] == {"num_predict": 5, "temperature": 0.0}
    with pytest.raises(ClientFailed):
        client.call("chat", model="nope:1b", text="hi", validate_model_on_init=True)


def test_stream(client: Program, service: Service) -> None:
    """Pieces that add up, with the figures in the last one."""
    service.ollama.script(tokens=["Hi", "!"], final=FIGURES)
    answer = client.call("stream", model=MODEL, text="hi")
    assert (answer["text"], answer["usage"]["total_tokens"]) == ("Hi!", 9)


def test_a_completion(client: Program) -> None:
    """Of a prompt."""
    assert client.call("complete", model=MODEL, text="hi") == "Hello from the script."


def test_thinking(client: Program, service: Service) -> None:
    """Thoughts apart from the answer."""
    service.ollama.script(thinking=["Hm."], tokens=["Hi"])
    answer = client.call("chat", model="smollm2-thinking:135m", text="hi", reasoning=True)
    assert (answer["text"], answer["more"]["reasoning_content"]) == ("Hi", "Hm.")


def test_tools(client: Program, service: Service) -> None:
    """Two calls at once, and the answer to their results."""
    service.ollama.script(tokens=[], tool_calls=CALLS)
    service.ollama.script(tokens=["warm"])
    assert client.call("tools", model="smollm2-tools:135m", text="Where?") == "warm"
    results = service.list_requests("/api/chat")[1]["messages"][2:]
    assert [result["content"] for result in results] == ["warm in Rome", "warm in Oslo"]


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured(client: Program, service: Service, method: str) -> None:
    """An answer as a type."""
    service.ollama.script(tokens=['{"name": "Ann",', ' "age": 4}'])
    assert client.call("structured", model=MODEL, text="Ann is 4.", method=method) == ANN


def test_an_image(client: Program, service: Service) -> None:
    """It reaches the host; a model without vision refuses it."""
    image = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    assert client.call("image", model="smollm2-vision:135m", data=image) == "Hello from the script."
    assert len(service.list_requests("/api/chat")[0]["messages"][0]["images"]) == 1
    with pytest.raises(ClientFailed, match="Multimodal data provided"):
        client.call("image", model=MODEL, data=image)


def test_embeddings(client: Program, service: Service) -> None:
    """Of two texts."""
    service.ollama.script(embeddings=[[0.5, 1.0], [0.25, 0.0]])
    assert client.call("embed", model="smollm2-embed:135m", texts=["a", "b"]) == [[0.5, 1.0], [0.25, 0.0]]


def test_errors(client: Program, service: Service) -> None:
    """Before the answer, and within it."""
    with pytest.raises(ClientFailed, match="model 'nope:1b' not found"):
        client.call("chat", model="nope:1b", text="hi")
    service.ollama.script(tokens=["Hi"], fault="error")
    with pytest.raises(ClientFailed, match="an error was encountered"):
        client.call("stream", model=MODEL, text="hi")


def test_a_client_that_leaves_cancels_its_job(client: Program, service: Service) -> None:
    """Closing the stream is all that a client does."""
    service.ollama.script(tokens=["a", "b"], hold=fresh_name(), hold_after=1)
    assert client.call("leave", model=MODEL, text="hi") == "a"
    service.wait_hung_up()

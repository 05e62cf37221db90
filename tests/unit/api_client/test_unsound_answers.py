"""An answer that is not what HTTP or Ollama sends costs its own call at most: no other call gets a byte of it."""

import json
import threading
from collections.abc import Callable

import pytest

from api_client import OllamaClient, OllamaError, WrongProtocol
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.reading import Kept, connect
from tests.unit.api_client.scripted_server import Script, ScriptedServer, Visit

Ask = Callable[[OllamaClient, str], str]


def iterate(client: OllamaClient, prompt: str) -> str:
    with client.generate({"prompt": prompt}) as stream:
        return "".join(chunk["response"] for chunk in stream)


def push(client: OllamaClient, prompt: str) -> str:
    sink = Kept()
    with client.generate({"prompt": prompt}) as stream:
        stream.each(sink)
    return "".join(chunk["response"] for chunk in sink.chunks)


def lines_for(visit: Visit) -> bytes:
    lines = [{"response": json.loads(visit.body)["prompt"], "done": False}, {"response": "", "done": True}]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def echo(visit: Visit) -> None:
    visit.begin_stream()
    visit.chunk(lines_for(visit))
    visit.end_stream()


def no_content(visit: Visit) -> None:
    visit.send(b"HTTP/1.1 204 No Content\r\n\r\n")


def too_short(visit: Visit) -> None:
    visit.head(200, ("Content-Length", "5"))
    visit.send(lines_for(visit)[:5])


def a_page(visit: Visit) -> None:
    visit.answer(200, "<html>log in</html>")


def no_last_line(visit: Visit) -> None:
    visit.stream([{"response": "a", "done": False}])


@pytest.mark.parametrize("ask", [iterate, push])
@pytest.mark.parametrize("statuses", [["103 Early Hints"], ["100 Continue", "102 Processing", "102 Processing"]])
def test_an_interim_answer_is_no_answer(statuses: list[str], ask: Ask) -> None:
    """What a proxy sends ahead of the answer is skipped, also where the answer comes later; no call gets another's."""
    behind = threading.Event()

    def script(visit: Visit) -> None:
        for status in statuses:
            visit.send(f"HTTP/1.1 {status}\r\nLink: </x>; rel=preload\r\n\r\n".encode())
        behind.wait(0.1)  # so that the client has read the interim answers, where it is fast enough
        echo(visit)

    with ScriptedServer(script) as server, connect(server) as client:
        assert [ask(client, prompt) for prompt in ("one", "two", "three")] == ["one", "two", "three"]
        assert server.connections == 1


def test_another_protocol_is_not_spoken() -> None:
    """101 that nobody has asked for: what follows on the connection is no HTTP."""

    def switched(visit: Visit) -> None:
        visit.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")

    with ScriptedServer(switched, echo) as server, connect(server) as client:
        with pytest.raises(WrongProtocol):
            push(client, "one")
        assert push(client, "two") == "two"
        assert server.connections == 2


@pytest.mark.parametrize("ask", [iterate, push])
@pytest.mark.parametrize("script", [no_content, too_short, a_page, no_last_line])
def test_an_answer_that_cannot_be_read_costs_its_connection(script: Script, ask: Ask) -> None:
    """HTTP takes it for whole, so more of it may follow: that would be taken for the next answer."""
    with ScriptedServer(script, echo) as server, connect(server) as client:
        with pytest.raises(OllamaError):
            ask(client, "one")
        assert ask(client, "two") == "two"
        assert server.connections == 2


def test_so_does_one_of_a_question() -> None:
    """Of the metadata and the embeddings."""

    def card(visit: Visit) -> None:
        visit.answer(200, {"version": "1"})

    with ScriptedServer(a_page, card, card) as server, OllamaClient(server.url) as client:
        with pytest.raises(OllamaError):
            client.version()
        assert [client.version(), client.version()] == ["1", "1"]
        assert server.connections == 2


def silent_body(visit: Visit) -> None:
    visit.head(503, ("Content-Length", "100"))
    visit.wait_until_gone()


def endless_body(visit: Visit) -> None:
    visit.head(503, ("Transfer-Encoding", "chunked"))
    while True:
        visit.chunk(b"busy" * 1000)


@pytest.mark.parametrize("script", [silent_body, endless_body])
def test_a_refusal_without_end_does_not_hold_up_the_next_try(script: Script) -> None:
    """Its status says enough: the rest of its body is awaited briefly, however long a first token may take."""
    with ScriptedServer(script, echo) as server, OllamaClient(server.url, backoff_seconds=0) as client:
        stream = client.generate({"prompt": "one"}, first_byte_timeout_seconds=None)
        reader = Reader(lambda: list(stream))
        assert reader.join() is None
        assert [chunk["response"] for chunk in reader.result] == ["one", ""]
        assert (len(server.visits), server.connections) == (2, 2)

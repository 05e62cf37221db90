"""The demo's Ollama: the real model in a process of its own."""

import http.client
import json
import os
import select
import signal
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from embedded.ollama.process import EmbeddedOllama
from embedded.weights import fetch_weights

pytestmark = pytest.mark.model

_ENDLESS = {"num_predict": 100_000, "temperature": 1.5, "stop": ["\u0000"]}
_BOOK = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 40}, "year": {"type": "integer"}},
    "required": ["title", "year"],
    "additionalProperties": False,
}
_SAME = {"temperature": 0}
"""The same answer each time: at random the model may write a year without end."""


@pytest.fixture(scope="module")
def ollama() -> Iterator[EmbeddedOllama]:
    with EmbeddedOllama.start(fetch_weights(), slots=1, threads=1) as server:
        yield server


def _ask(url: str, path: str, **body: Any) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port, timeout=90)
    try:
        if body:
            connection.request("POST", path, json.dumps({"model": "smollm2:135m", "stream": False, **body}))
        else:
            connection.request("GET", path)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer


def test_hanging_up_frees_the_only_slot(ollama: EmbeddedOllama, wire: type[Any]) -> None:
    """A client that leaves in the middle of a very long answer makes room for the next request at once."""
    with wire(ollama.url, raw=True, options=_ENDLESS) as client:
        client.until(b'"response"')
    assert _ask(ollama.url, "/api/generate", prompt="hi", options={"num_predict": 2})["done"]


def test_hanging_up_during_the_prompt_frees_it_too(ollama: EmbeddedOllama, wire: type[Any]) -> None:
    """The same while a long prompt is being read and no token has come."""
    with wire(ollama.url, prompt="many words " * 1500, raw=True) as client:
        assert client.is_silent(0.3)
    assert _ask(ollama.url, "/api/generate", prompt="hi", options={"num_predict": 2})["done"]


def test_an_answer_obeys_its_schema(ollama: EmbeddedOllama) -> None:
    """The text is JSON of the schema's form, without the blank lines that free whitespace would let in."""
    answer = _ask(ollama.url, "/api/generate", prompt="The novel Dune by Frank Herbert", format=_BOOK, options=_SAME)
    book = json.loads(answer["response"])
    assert sorted(book) == ["title", "year"]
    assert isinstance(book["year"], int)
    assert "\n" not in answer["response"]


def test_an_open_schema_ends_too(ollama: EmbeddedOllama) -> None:
    """An object that says nothing of other keys gets none: a small model would go on to invent them."""
    schema = {name: part for name, part in _BOOK.items() if name != "additionalProperties"}
    answer = _ask(ollama.url, "/api/generate", prompt="The novel Dune by Frank Herbert", format=schema, options=_SAME)
    assert sorted(json.loads(answer["response"])) == ["title", "year"]


def test_a_seed_repeats_itself(ollama: EmbeddedOllama) -> None:
    """The same seed gives the same text."""
    options = {"seed": 42, "temperature": 0.8, "num_predict": 8}
    texts = {_ask(ollama.url, "/api/generate", prompt="Tell me", options=options)["response"] for _ in range(2)}
    assert len(texts) == 1


@pytest.mark.timeout(300)  # on a starved machine each load takes tens of seconds
def test_a_model_nobody_waits_for_is_not_kept(ollama: EmbeddedOllama, wire: type[Any]) -> None:
    """A client that leaves while the model loads leaves nothing in memory, and the next one loads it again."""
    _ask(ollama.url, "/api/generate", prompt="", keep_alive=0)
    # Stopped, so that on a busy machine too the client has left before the load is over.
    os.kill(ollama.pid, signal.SIGSTOP)
    with wire(ollama.url, prompt="x"):
        pass
    os.kill(ollama.pid, signal.SIGCONT)
    assert _ask(ollama.url, "/api/ps") == {"models": []}
    assert _ask(ollama.url, "/api/generate", prompt="hi", options={"num_predict": 1})["done"]


@pytest.mark.timeout(300)  # as above
def test_a_model_that_leaves_as_soon_as_it_has_come(ollama: EmbeddedOllama) -> None:
    """It never answered anything: it leaves all the same, and nobody waits for ever."""
    _ask(ollama.url, "/api/generate", prompt="", keep_alive=0)
    assert _ask(ollama.url, "/api/generate", prompt="", keep_alive="1ns")["done"]
    assert _ask(ollama.url, "/api/generate", prompt="hi", options={"num_predict": 1})["done"]


def test_two_slots_decode_together(wire: type[Any]) -> None:
    """With two slots a second request gets tokens while the first is still being answered."""
    with (
        EmbeddedOllama.start(fetch_weights(), slots=2, threads=1) as server,
        wire(server.url, raw=True, options=_ENDLESS) as first,
        wire(server.url, raw=True, options=_ENDLESS) as second,
    ):
        first.until(b'"response"')
        second.until(b'"response"')
        assert b'"done":true' not in first.seen


@pytest.mark.needs("Linux")
def test_sigterm_ends_it_in_order(wire: type[Any]) -> None:
    """Even in the middle of an answer: exit status 0, the client's connection closed."""
    server = EmbeddedOllama.start(fetch_weights(), threads=1)
    with wire(server.url, raw=True, options=_ENDLESS) as client:
        client.until(b'"response"')
        descriptor = os.pidfd_open(server.pid)
        os.kill(server.pid, signal.SIGTERM)
        assert select.select([descriptor], [], [], 30)[0]
        os.close(descriptor)
        assert b'"done":true' not in client.rest()
    assert server.stop() == 0

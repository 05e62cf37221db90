"""Every field that a host sends is checked for its type where it enters, and the error names the field."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from api_client import (
    ModelNotFound,
    OllamaClient,
    OllamaError,
    OllamaTimeout,
    ServerFault,
    StreamCut,
    StreamError,
    UnknownShape,
    WrongProtocol,
)
from api_client.diagnosis.error_body import read_body
from tests.unit.api_client.scripted_server import ScriptedServer, Visit

DEEP = "[" * 300 + "]" * 300
Ask = Callable[[OllamaClient], Any]


def generate(client: OllamaClient) -> Any:
    return list(client.generate({"model": "m"}))


def chat(client: OllamaClient) -> Any:
    return list(client.chat({"model": "m"}))


def pull(client: OllamaClient) -> Any:
    return list(client.pull("m"))


def embed(client: OllamaClient) -> Any:
    return client.embed({"model": "m"}).result()


def ask_with(ask: Ask, body: str | bytes) -> Any:
    """What the client makes of a body."""
    with ScriptedServer(lambda visit: visit.answer(200, body)) as server, OllamaClient(server.url) as client:
        return ask(client)


ODD: list[tuple[Ask, str, str]] = [
    (generate, '{"response": ["a"], "done": false}', "response"),
    (generate, '{"response": 5}', "response"),
    (generate, '{"response": {"text": "a"}}', "response"),
    (generate, '{"thinking": 1}', "thinking"),
    (generate, '{"done": "true"}', "done"),
    (generate, '{"done": 1}', "done"),
    (generate, '{"done": true, "done_reason": 5}', "done_reason"),
    (generate, '{"done": true, "eval_count": "7"}', "eval_count"),
    (generate, '{"done": true, "eval_count": 7.5}', "eval_count"),
    (generate, '{"done": true, "eval_count": true}', "eval_count"),
    (generate, '{"done": true, "eval_count": -1}', "eval_count"),
    (generate, f'{{"done": true, "prompt_eval_count": 1{"0" * 400}}}', "prompt_eval_count"),
    (generate, '{"done": true, "load_duration": 1e999}', "load_duration"),
    (generate, '{"done": true, "prompt_eval_duration": NaN}', "prompt_eval_duration"),
    (generate, '{"done": true, "model": {}}', "model"),
    (generate, '{"response": "a", "response": 5}', "response"),
    (chat, '{"message": "hello"}', "message"),
    (chat, '{"message": ["hello"]}', "message"),
    (chat, '{"message": {"content": [{"type": "text", "text": "a"}]}}', "message.content"),
    (chat, '{"message": {"thinking": false}}', "message.thinking"),
    (chat, '{"message": {"tool_calls": "f"}}', "message.tool_calls"),
    (chat, '{"message": {"tool_calls": {"0": {}}}}', "message.tool_calls"),
    (chat, '{"message": {"tool_calls": ["f"]}}', "message.tool_calls.0"),
    (chat, '{"message": {"tool_calls": [{"function": "f"}]}}', "message.tool_calls.0.function"),
    (chat, '{"message": {"tool_calls": [{"function": {"name": 1}}]}}', "message.tool_calls.0.function.name"),
    (
        chat,
        '{"message": {"tool_calls": [{}, {"function": {"arguments": "{}"}}]}}',
        "message.tool_calls.1.function.arguments",
    ),
    (
        chat,
        '{"message": {"tool_calls": [{"function": {"arguments": {"a": [1e999]}}}]}}',
        "message.tool_calls.0",
    ),
    (chat, '{"message": {"tool_calls": [{"more": {"a": NaN}}]}}', "message.tool_calls.0"),
    (pull, '{"status": 5}', "status"),
    (pull, '{"status": "pulling", "digest": 5, "total": 1}', "digest"),
    (pull, '{"status": "pulling", "total": "1"}', "total"),
    (pull, '{"status": "pulling", "completed": -1}', "completed"),
    (embed, '{"embeddings": "a"}', "embeddings"),
    (embed, '{"embeddings": [0.5]}', "embeddings.0"),
    (embed, '{"embeddings": [["a"]]}', "embeddings.0.0"),
    (embed, '{"embeddings": [[0.5], [null]]}', "embeddings.1.0"),
    (embed, '{"embeddings": [[true]]}', "embeddings.0.0"),
    (embed, '{"embeddings": [{"0": 1}]}', "embeddings.0"),
]


@pytest.mark.parametrize(("ask", "body", "field"), ODD, ids=[f"{ask.__name__} {body[:60]}" for ask, body, _ in ODD])
def test_a_field_of_another_type_is_an_error_that_names_it(ask: Ask, body: str, field: str) -> None:
    """The error is typed, and says who sent what in which field."""
    with pytest.raises(UnknownShape) as caught:
        ask_with(ask, body)
    assert caught.value.field == field
    assert f" {field} is " in caught.value.message
    assert "127.0.0.1" in caught.value.message
    assert len(caught.value.message) < 500


def test_a_byte_order_mark_before_a_whole_answer_is_ignored() -> None:
    """Also before one that is an error, with whatever status."""
    assert ask_with(embed, '\ufeff{"embeddings": [[1.0]]}')["embeddings"] == [[1.0]]
    with pytest.raises(ModelNotFound):
        ask_with(embed, """\ufeff{"error": "model 'x' not found"}""")
    assert read_body(500, '\ufeff{"error": "broken"}'.encode()).message == "broken"


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '"text"',
        "null",
        '{"response": "\\ud800"}',
        f'{{"response": "a", "more": {DEEP}}}',
        f'{{"done": true, "eval_count": {"9" * 5000}}}',
    ],
    ids=["list", "text", "null", "half a surrogate pair", "deep", "a number of 5,000 digits"],
)
def test_what_is_no_object_of_json_is_garbage(line: str) -> None:
    """JSON that strict readers refuse counts as no JSON."""
    with pytest.raises(StreamError) as caught:
        ask_with(generate, line + "\n")
    assert not isinstance(caught.value, StreamCut | UnknownShape)


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (generate, '{"done": true, "response": null, "done_reason": null, "eval_count": null, "error": null}'),
        (generate, '{"done": true, "message": "of another endpoint", "new": [1e999]}'),
        (generate, '{"done": true}\n{"response": 5}\ngarbage'),
        (chat, '{"message": null}\n{"message": {"content": null, "tool_calls": null}}\n{"done": true}'),
        (chat, '{"message": {"tool_calls": [{"new": {"deep": [1]}, "function": {"index": 0}}]}, "done": true}'),
        (chat, '{"message": {"tool_calls": [{"id": null, "type": null, "function": {"name": "f"}}]}, "done": true}'),
        (generate, '{"done": true, "total_duration": 1500.5, "load_duration": 2e3, "eval_duration": 0.0}'),
        (pull, '{"status": null, "total": null}\n{"status": "success"}'),
        (embed, '{"embeddings": null, "error": null, "new": {}}'),
        (embed, "{}"),
    ],
)
def test_what_is_missing_null_or_new_is_taken(ask: Ask, body: str) -> None:
    """As are lines after the last one: they are not read."""
    ask_with(ask, body)


def test_a_tool_call_without_arguments_has_none() -> None:
    """Go writes null for an empty map: readers get the object that they expect."""
    body = '{"message": {"tool_calls": [{"function": {"name": "f", "arguments": null}}]}, "done": true}'

    (line,) = ask_with(chat, body)

    assert line["message"]["tool_calls"] == [{"function": {"name": "f", "arguments": {}}}]


def test_fractions_of_a_nanosecond_are_left_out() -> None:
    """A duration is a whole number behind here."""
    assert ask_with(generate, '{"done": true, "total_duration": 1500.5}') == [{"done": True, "total_duration": 1500}]


@pytest.mark.parametrize("error", ["it broke", {"message": "it broke", "type": "api_error"}, {"error": "it broke"}])
@pytest.mark.parametrize("ask", [generate, chat, pull, embed])
def test_an_error_is_told_whatever_its_shape(ask: Ask, error: object) -> None:
    """Beside fields of other types too."""
    for beside in ({}, {"done": "no", "status": 5, "embeddings": "none"}):
        with pytest.raises(ServerFault, match="it broke"):
            ask_with(ask, json.dumps({"error": error, **beside}))


@pytest.mark.parametrize("error", [5, True, [], {}, "", {"message": 5}, {"message": {"deep": [None]}}])
def test_an_error_of_an_odd_type_is_an_error_all_the_same(error: object) -> None:
    """It is diagnosed by what can be read of it."""
    with pytest.raises(OllamaError):
        ask_with(generate, json.dumps({"error": error}))


def test_a_redirect_is_not_looked_into() -> None:
    """Neither its address nor its body can raise another exception, or be read without end."""

    def endless(visit: Visit) -> None:
        visit.head(302, ("Location", "http://[::1"), ("Transfer-Encoding", "chunked"))
        visit.wait_until_gone()

    with ScriptedServer(endless) as server, OllamaClient(server.url, retries=0) as client:
        stream = client.generate({"model": "m"}, stall_timeout_seconds=0.2)
        with pytest.raises(OllamaError, match="redirects are not followed"):
            list(stream)


def _endless_body(visit: Visit) -> None:
    visit.begin_stream()
    while True:
        visit.chunk(b" ")


def _endless_head(visit: Visit) -> None:
    visit.send(b"HTTP/1.1 200 OK\r\n")
    while not visit.gone.wait(0.05):
        visit.send(b"X")


def _endless_error(visit: Visit) -> None:
    visit.head(500, ("Transfer-Encoding", "chunked"))
    while not visit.gone.wait(0.05):
        visit.chunk(b" ")


@pytest.mark.parametrize("drips", [_endless_body, _endless_head, _endless_error])
def test_an_answer_about_the_host_that_never_ends_is_given_up(drips: Callable[[Visit], None]) -> None:
    """Each byte comes in time, and the whole does not: a probe must not wait for it."""
    with (
        ScriptedServer(drips) as server,
        OllamaClient(server.url, retries=0) as client,
        # The second one where the machine stands still for as long as a byte may take.
        pytest.raises(OllamaTimeout, match=r"did not answer within|fell silent"),
    ):
        client.tags(timeout_seconds=0.3)


@pytest.mark.parametrize("kind", [ValueError, UnicodeDecodeError, RecursionError, MemoryError, LookupError])
@pytest.mark.parametrize("where", ["api_client.stream.read_pieces", "urllib3.HTTPConnectionPool.urlopen"])
def test_whatever_a_library_raises_over_an_answer_is_typed(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], where: str
) -> None:
    """Before the headers and behind them: an exception of no known type fails the one request."""

    def fail(*_: object, **__: object) -> None:
        raise kind("utf-8", b"", 0, 1, "odd") if kind is UnicodeDecodeError else kind("odd")

    monkeypatch.setattr(where, fail)
    with pytest.raises(StreamError if "pieces" in where else WrongProtocol, match="odd"):
        ask_with(generate, "{}")

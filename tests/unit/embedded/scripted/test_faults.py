"""Each fault a script can order is on the wire as it says."""

import json
from typing import Any

import pytest

from embedded.scripted import ScriptedOllama

_END = b"\r\n0\r\n\r\n"


def test_cut_ends_the_connection_without_the_end_of_the_body(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """The tokens before the cut arrive; then the connection is closed in order, without the last chunk."""
    ollama.script(tokens=["one", "two", "three"], fault="cut", fault_after=2)
    with wire(ollama.url) as client:
        answer = client.rest()
    assert b'"two"' in answer
    assert b'"three"' not in answer
    assert not answer.endswith(_END)


def test_a_cut_may_fall_on_any_byte(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """With `fault_at_byte` so many bytes of the body arrive; the chunk they break off in was announced whole."""
    ollama.script(tokens=["one", "two"], fault="cut", fault_at_byte=30)
    with wire(ollama.url) as client:
        body = client.rest().split(b"\r\n\r\n", 1)[1]
    announced, data = body.split(b"\r\n", 1)
    assert len(data) == 30
    assert int(announced, 16) > 30


def test_reset_breaks_the_connection(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """The client gets ECONNRESET, after the tokens it had read before."""
    ollama.script(tokens=["one", "two"], hold="read", hold_after=1, fault="reset", fault_after=1)
    with wire(ollama.url) as client:
        client.until(b'"one"')
        ollama.release("read")
        with pytest.raises(ConnectionResetError):
            client.rest()


def test_garbage_is_a_line_that_is_no_json(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """It comes in a well-formed body, with status 200."""
    ollama.script(tokens=["one"], fault="garbage")
    with wire(ollama.url) as client:
        answer = client.until(_END)
    assert b"<html>" in answer
    assert b'"done":true' not in answer


def test_utf8_breaks_off_inside_a_character(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """The last byte before the end of the connection is half an é."""
    ollama.script(tokens=["one"], fault="utf8")
    with wire(ollama.url) as client:
        answer = client.rest()
    assert answer.endswith(b"\xc3\r\n")


def test_chunks_may_break_lines_and_characters(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """With `chunk_bytes` 1 every byte is an HTTP chunk; joined they are the same body."""
    ollama.script(tokens=["é", "ü"], chunk_bytes=1)
    with wire(ollama.url) as client:
        chunks = client.until(_END).split(b"\r\n\r\n", 1)[1]
    body = b"".join(chunks[at + 3 : at + 4] for at in range(0, len(chunks) - 5, 6))
    assert [json.loads(line)["response"] for line in body.splitlines()] == ["é", "ü", ""]


def test_error_is_a_line_in_a_stream_and_a_status_otherwise(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """As recorded from a runner that died: 200 and an error line, or 500."""
    ollama.script(tokens=["one"], fault="error", times=2)
    with wire(ollama.url) as client:
        answer = client.until(_END)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'{"error":"an error was encountered while running the model: unexpected EOF"}\n' in answer
    with wire(ollama.url, stream=False) as client:
        assert client.until(b"unexpected EOF").startswith(b"HTTP/1.1 500 ")


def test_end_leaves_the_last_line_out(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """A well-formed body without `done: true`."""
    ollama.script(tokens=["one"], fault="end")
    with wire(ollama.url) as client:
        assert b'"done":true' not in client.until(_END)


def test_a_status_is_answered_so_many_times(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """503 twice with its body and headers, then tokens. No model is loaded for the 503."""
    ollama.script(status=503, body={"error": "busy"}, headers={"Retry-After": "1"}, times=2)
    for _ in range(2):
        with wire(ollama.url) as client:
            answer = client.until(b'{"error": "busy"}')
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 1\r\n" in answer
    assert ollama.stats()["loads"] == {}
    with wire(ollama.url) as client:
        assert client.until(_END).startswith(b"HTTP/1.1 200 ")


def test_a_hold_stops_before_the_headers_or_in_the_middle(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """Nothing is sent, or nothing more, until the test lets go."""
    ollama.script(hold="start")
    ollama.script(tokens=["one", "two"], hold="middle", hold_after=1)
    with wire(ollama.url) as client:
        ollama.wait(lambda seen: seen["held"].get("start") == 1)
        assert client.is_silent(0.05)
        ollama.release("start")
        client.until(_END)
    with wire(ollama.url) as client:
        assert b'"two"' not in client.until(b'"one"')
        ollama.wait(lambda seen: seen["held"].get("middle") == 1)
        assert client.is_silent(0.05)
        ollama.release("middle")
        assert b'"two"' in client.until(_END)


def test_scripts_are_chosen_by_path_model_and_text(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """A request takes the first script that fits it; with_turns ones come before endless ones."""
    ollama.script(tokens=["endless"], times=None)
    ollama.script(tokens=["by path"], path="/api/chat")
    ollama.script(tokens=["by text"], contains="needle")
    with wire(ollama.url, prompt="a needle") as client:
        client.until(b'"by text"')
    with wire(ollama.url, prompt="a needle") as client:
        client.until(b'"endless"')
    with wire(ollama.url, "/api/chat", messages=[{"role": "user", "content": "x"}]) as client:
        client.until(b'"by path"')


def test_stamped_tokens_tell_when_they_were_sent(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """Each text is the time of its sending in nanoseconds, evenly spaced on the whole."""
    ollama.script(stamp=True, count=20, rate=100)
    with wire(ollama.url) as client:
        lines = [part for part in client.until(_END).split(b"\r\n") if part.startswith(b"{")]
    stamps = [int(json.loads(line)["response"]) for line in lines[:-1]]
    assert len(stamps) == 20
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[0] > 0.18e9


def test_the_ledger_counts_connections(ollama: ScriptedOllama, wire: type[Any]) -> None:
    """A request on a kept-alive connection is seen as the same connection."""
    for _ in range(2):
        with wire(ollama.url) as client:
            client.until(_END)
    assert [request["connection"] for request in ollama.stats()["requests"]] == [1, 2]

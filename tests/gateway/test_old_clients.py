"""Clients of HTTP/1.0: they know no chunks, so a body without a length ends with the connection."""

import json

import pytest

from tests.conftest import MODEL
from tests.gateway.raw import connect
from tests.gateway_process import GatewayProcess
from tests.service import Service


def _ask(gateway: GatewayProcess, path: str, body: object = None) -> tuple[list[bytes], bytes]:
    """The lines of the head, and the body, of an answer after which the server has closed."""
    sent = b"" if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "POST"
    with connect(gateway.url) as raw:
        raw.send(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n\r\n".encode(), sent)
        head, _, answer = raw.read_rest().partition(b"\r\n\r\n")
    return head.lower().split(b"\r\n"), answer


def test_a_stream_of_lines_has_no_chunks(gateway: GatewayProcess, service: Service) -> None:
    """Each line of the body is one of Ollama's."""
    service.ollama.script(tokens=list("abcdefgh"), rate=40)

    head, body = _ask(gateway, "/api/generate", {"model": MODEL, "prompt": "x"})

    lines = [json.loads(line) for line in body.splitlines()]
    assert "".join(line["response"] for line in lines) == "abcdefgh"
    assert lines[-1]["done"]
    assert not [line for line in head if line.startswith(b"transfer-encoding")]


def test_a_stream_of_frames_has_no_chunks(gateway: GatewayProcess, service: Service) -> None:
    """It begins with a frame or a comment, and ends as OpenAI's does."""
    service.ollama.script(tokens=list("abcdefgh"), rate=40)
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": True}

    head, body = _ask(gateway, "/v1/chat/completions", asked)

    assert body.startswith((b"data: ", b": "))
    assert body.endswith(b"data: [DONE]\n\n")
    assert all(line.startswith((b"data: ", b": ")) for line in body.splitlines() if line)
    assert not [line for line in head if line.startswith(b"transfer-encoding")]


@pytest.mark.parametrize("path", ["/healthz", "/nosuch"])
def test_what_has_a_length_keeps_it(gateway: GatewayProcess, path: str) -> None:
    """A client can tell that it is whole."""
    head, body = _ask(gateway, path)

    assert f"content-length: {len(body)}".encode() in head
    json.loads(body)

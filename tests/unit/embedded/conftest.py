"""A scripted server per test, and a raw connection that shows what is really on the wire."""

import json
import socket
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from embedded.scripted import ScriptedOllama


class Wire:
    """One HTTP request over a bare socket.

    Args:
        url: Of the server.
        path: Where to POST.
        body: As JSON.
    """

    def __init__(self, url: str, path: str = "/api/generate", **body: Any) -> None:
        self._socket = socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=30)
        payload = json.dumps({"model": "smollm2:135m", "prompt": "hi", **body}).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(payload)}\r\n\r\n"
        self._socket.sendall(head.encode() + payload)
        self.seen = b""

    def until(self, mark: bytes) -> bytes:
        """Read until `mark` has come; everything so far. Raises ConnectionError at an earlier end."""
        while mark not in self.seen:
            self._more()
        return self.seen

    def rest(self) -> bytes:
        """Read to the end of the connection; everything."""
        while data := self._socket.recv(65536):
            self.seen += data
        return self.seen

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        self._socket.settimeout(seconds)
        try:
            self._more()
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(30)
        return False

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            message = f"closed after {self.seen!r}"
            raise ConnectionError(message)
        self.seen += data


@pytest.fixture(name="wire")
def _wire() -> type[Wire]:
    return Wire


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOllama]:
    with ScriptedOllama.start() as started:
        yield started


@pytest.fixture
def ollama(server: ScriptedOllama) -> ScriptedOllama:
    """One slot, nothing in memory, nothing scripted."""
    server.restart()
    return server

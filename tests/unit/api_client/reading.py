"""What the tests of the shared reader use: a reader whose rounds run in a thread, sinks, and what a host does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from api_client import OllamaClient, OllamaError
from api_client.body.body_reader import BodyReader
from tests.unit.api_client.scripted_server import PATIENCE_SECONDS, ScriptedServer, Visit

TOKEN = {"response": "a", "done": False}
DONE = {"response": "", "done": True}


class Kept:
    """A sink that keeps the lines, notes that one has come, and wants no more after `most`."""

    def __init__(self, most: int | None = None) -> None:
        self.chunks: list[dict[str, Any]] = []
        self.came = threading.Event()
        self.full = False
        self._most = most

    def is_full(self) -> bool:
        return self.full

    def take(self, chunk: dict[str, Any]) -> bool:
        self.chunks.append(chunk)
        self.came.set()
        return len(self.chunks) != self._most


@contextmanager
def run_reader(reader: BodyReader) -> Iterator[None]:
    """Repeat the reader's rounds, and close it at the end."""
    ending = threading.Event()

    def rounds() -> None:
        while not ending.is_set():
            reader.run_round(1.0)
        reader.close()

    thread = threading.Thread(target=rounds)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        reader.wake()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


@contextmanager
def connect(server: ScriptedServer, reader: BodyReader | None = None, **options: Any) -> Iterator[OllamaClient]:
    """Connect a client whose answers one thread reads."""
    reader = reader or BodyReader()
    with run_reader(reader), OllamaClient(server.url, **options) as client:
        client.read_with(reader)
        yield client


def whole(visit: Visit) -> None:
    visit.stream([TOKEN, TOKEN, DONE])


def one_then_silent(visit: Visit) -> None:
    visit.begin_stream()
    visit.line(**TOKEN)
    visit.wait_until_gone()


def endless(visit: Visit) -> None:
    visit.begin_stream()
    while True:
        visit.line(**TOKEN)


def iterate(client: OllamaClient) -> tuple[list[Any], object]:
    chunks: list[Any] = []
    try:
        with client.generate({}) as stream:
            chunks += stream
    except OllamaError as error:
        return chunks, type(error)
    return chunks, None


def push(client: OllamaClient) -> tuple[list[Any], object]:
    sink = Kept()
    try:
        with client.generate({}) as stream:
            stream.each(sink)
    except OllamaError as error:
        return sink.chunks, type(error)
    return sink.chunks, None

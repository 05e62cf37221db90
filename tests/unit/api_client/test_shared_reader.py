"""Answers that one thread reads are the same as those that their own thread reads."""

import io
import itertools
import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api_client import Aborted, OllamaClient, OllamaError, StreamCut
from api_client.body import body_reader
from api_client.body.body_reader import BodyReader
from tests.service import wait_until
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.reading import (
    DONE,
    TOKEN,
    Kept,
    connect,
    endless,
    iterate,
    one_then_silent,
    push,
    run_reader,
    whole,
)
from tests.unit.api_client.scripted_server import END_MARK, PATIENCE_SECONDS, ScriptedServer, Visit, chunked

LINES = st.sampled_from(
    [
        b'{"response": "a", "done": false}\n',
        '{"response": "äß", "done": false}\r\n'.encode(),
        b'{"response": "b", "done": true}\n',
        b'{"error": "an error was encountered while running the model"}\n',
        b'{"response": 3}\n',
        b"not json\n",
        b"\n",
        b'{"response": "cut',
        b"[1]\n",
    ]
)


@example([b'{"response": "its last line has no newline", "done": true}'], [], True)
@given(st.lists(LINES, max_size=5), st.lists(st.integers(0, 500), max_size=6), st.booleans())
def test_any_body_is_read_as_by_a_thread_of_its_own(lines: list[bytes], cuts: list[int], ended: bool) -> None:
    """The same lines and the same error, wherever the bytes are cut into chunks, and whether or not the body ends."""
    data = b"".join(lines)
    edges = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})

    def script(visit: Visit) -> None:
        visit.begin_stream()
        for start, end in itertools.pairwise(edges):
            visit.chunk(data[start:end])
        visit.end_stream() if ended else visit.cut()

    with ScriptedServer(script) as server, connect(server, retries=0) as client:
        assert push(client) == iterate(client)


@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_serves_the_next_call(tls: bool, server_tls: ssl.SSLContext, ca_file: str) -> None:
    """An answer that was read to its end keeps its connection, whoever reads the next, and a large request fits."""
    with ScriptedServer(whole, tls=server_tls if tls else None) as server:
        with connect(server, ca_file=ca_file if tls else None) as client:
            for _ in range(3):
                assert push(client) == ([TOKEN, TOKEN, DONE], None)
                assert list(client.generate({"prompt": "x" * 3_000_000})) == [TOKEN, TOKEN, DONE]
        assert server.connections == 1


def test_bytes_that_come_one_by_one(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """Over TLS each is a record of its own."""
    body = json.dumps(TOKEN).encode() + b"\n" + json.dumps(DONE).encode() + b"\n"

    def script(visit: Visit) -> None:
        visit.begin_stream()
        for byte in b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body):
            visit.send(bytes([byte]))

    with ScriptedServer(script, tls=server_tls) as server, connect(server, ca_file=ca_file) as client:
        assert push(client) == ([TOKEN, DONE], None)


def test_a_large_tls_record_is_read_whole(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """What TLS has decrypted makes no socket readable."""
    long = {"response": "x" * 300_000, "done": False}
    script = [long, long, DONE]
    with (
        ScriptedServer(lambda visit: visit.stream(script), tls=server_tls) as server,
        connect(server, ca_file=ca_file) as client,
    ):
        assert push(client) == (script, None)


def test_a_short_answer_needs_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows soon on the first bytes is read by the thread that waits; here nobody else reads at all."""
    monkeypatch.setattr(body_reader, "SOON_SECONDS", PATIENCE_SECONDS)
    sink = Kept()

    def script(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**TOKEN)
        sink.came.wait(PATIENCE_SECONDS)
        visit.line(**DONE)
        visit.end_stream()

    with ScriptedServer(script) as server, OllamaClient(server.url) as client:
        client.read_with(BodyReader())
        with client.generate({}) as stream:
            stream.each(sink)

    assert sink.chunks == [TOKEN, DONE]


def test_one_thread_reads_all_and_none_waits_for_another() -> None:
    """32 answers end while one is silent, one floods, one breaks off, and the sink of one raises."""
    reader = BodyReader()

    def broken(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**TOKEN)
        visit.cut()

    class Raising(Kept):
        def take(self, chunk: dict[str, Any]) -> bool:
            raise ZeroDivisionError

    silent_sink, flood_sink = Kept(), Kept()
    with (
        ScriptedServer(one_then_silent) as silent,
        ScriptedServer(endless) as flooding,
        ScriptedServer(broken) as cut,
        ScriptedServer(whole) as server,
        OllamaClient(silent.url) as slow,
        OllamaClient(flooding.url) as fast,
        OllamaClient(cut.url, retries=0) as lost,
        OllamaClient(server.url, slots=32) as client,
        run_reader(reader),
        ThreadPoolExecutor(32) as pool,
    ):
        for each in (slow, fast, lost, client):
            each.read_with(reader)
        quiet, flood = slow.generate({}, stall_timeout_seconds=None), fast.generate({})
        waiting, swamped = Reader(lambda: quiet.each(silent_sink)), Reader(lambda: flood.each(flood_sink))
        assert silent_sink.came.wait(PATIENCE_SECONDS)
        assert flood_sink.came.wait(PATIENCE_SECONDS)

        assert all(found == ([TOKEN, TOKEN, DONE], None) for found in pool.map(push, [client] * 32))
        assert push(lost)[1] is not None
        with pytest.raises(OllamaError), client.generate({}) as stream:
            stream.each(Raising())

        quiet.abort()
        flood.abort()
        assert isinstance(waiting.join(), Aborted)
        assert isinstance(swamped.join(), Aborted)


def test_an_abort_ends_the_wait_and_the_connection() -> None:
    """50 times in a row: the server sees the connection closed, and the caller gets `Aborted`."""
    with ScriptedServer(one_then_silent) as server, connect(server) as client:
        for _ in range(50):
            sink, stream = Kept(), client.generate({}, stall_timeout_seconds=None)
            reader = Reader(lambda stream=stream, sink=sink: stream.each(sink))  # type: ignore[misc]  # binds them
            visit = server.next_visit()
            assert sink.came.wait(PATIENCE_SECONDS)
            stream.abort()
            assert isinstance(reader.join(), Aborted)
            assert visit.gone.wait(PATIENCE_SECONDS)


def test_a_tls_record_with_headers_and_the_whole_answer(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """It is longer than the buffer through which headers are read, and nothing follows that would wake the reader."""
    long = {"response": "x" * 12_000, "done": False}
    lines = b"".join(json.dumps(line).encode() + b"\n" for line in (long, DONE))

    def script(visit: Visit) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        visit.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(lines), lines))

    with ScriptedServer(script, tls=server_tls) as server, connect(server, ca_file=ca_file) as client:
        assert Reader(lambda: push(client)).join() is None
        assert push(client) == ([long, DONE], None)


def test_a_tls_record_in_the_middle_of_an_answer(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """It is as long as one can be, and nothing follows that would wake the reader."""
    sink, shared_reader, long = Kept(), BodyReader(), {"response": "x" * 16_000, "done": False}

    def script(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**TOKEN)
        wait_until(lambda: bool(shared_reader._bodies))
        visit.send(chunked(long) + chunked(DONE) + END_MARK)
        visit.wait_until_gone()

    with ScriptedServer(script, tls=server_tls) as server, connect(server, shared_reader, ca_file=ca_file) as client:
        stream = client.generate({}, stall_timeout_seconds=2 * PATIENCE_SECONDS)
        assert Reader(lambda: stream.each(sink)).join() is None
    assert sink.chunks == [TOKEN, long, DONE]


class Patient:
    """A sink that is full at the first looks, and wants no more after two lines."""

    def __init__(self) -> None:
        self.looks = 0
        self.chunks: list[dict[str, Any]] = []

    def is_full(self) -> bool:
        self.looks += 1
        return self.looks < 3

    def take(self, chunk: dict[str, Any]) -> bool:
        assert self.looks >= 3
        self.chunks.append(chunk)
        return len(self.chunks) < 2


def test_a_body_that_is_not_chunked_is_read_by_its_own_thread() -> None:
    """As of a proxy that speaks HTTP/1.0. It waits for the sink, and reads no more than the sink wants."""

    def script(visit: Visit) -> None:
        visit.answer(200, "".join(json.dumps(line) + "\n" for line in (TOKEN, TOKEN, DONE)))

    with ScriptedServer(script) as server, connect(server) as client:
        assert push(client) == ([TOKEN, TOKEN, DONE], None)
        sink = Patient()
        with client.generate({}) as stream:
            stream.each(sink)
        assert sink.chunks == [TOKEN, TOKEN]


def test_a_closed_reader_aborts_what_it_reads_and_what_comes() -> None:
    """No attempt waits for a thread that has ended."""
    reader, sink = BodyReader(), Kept()
    with ScriptedServer(one_then_silent) as server, closing(OllamaClient(server.url)) as client:
        client.read_with(reader)
        with run_reader(reader):
            stream = client.generate({}, stall_timeout_seconds=None)
            reading = Reader(lambda: stream.each(sink))
            assert sink.came.wait(PATIENCE_SECONDS)
        assert isinstance(reading.join(), Aborted)
        with pytest.raises(Aborted), client.generate({}, stall_timeout_seconds=None) as late:
            late.each(Kept())


@pytest.mark.parametrize("tls", [False, True])
def test_bytes_after_the_end_cost_the_connection(tls: bool, server_tls: ssl.SSLContext, ca_file: str) -> None:
    """They could be taken for the beginning of the next answer."""

    def script(visit: Visit) -> None:
        lines = b"".join(json.dumps(line).encode() + b"\n" for line in (TOKEN, DONE))
        visit.begin_stream()
        visit.send(b"%x\r\n%s\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n" % (len(lines), lines))

    with ScriptedServer(script, tls=server_tls if tls else None) as server:
        with connect(server, ca_file=ca_file if tls else None) as client:
            for _ in range(2):
                assert push(client) == ([TOKEN, DONE], None)
        assert server.connections == 2


def test_bytes_after_the_end_that_only_tls_has_cost_the_connection_too(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    """Head and body fill the buffer through which the head is read, and the rest of the record is decrypted.

    In Python 3.14 that buffer is larger than a record, and has the rest too.
    """
    body = chunked(DONE) + END_MARK
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Fill: %s\r\n\r\n"
    fill = b"x" * (min(io.DEFAULT_BUFFER_SIZE, 8_192) - len(head % b"") - len(body))

    with ScriptedServer(
        lambda visit: visit.send(head % fill + body + b"HTTP/1.1 200 OK\r\n"), tls=server_tls
    ) as server:
        with connect(server, ca_file=ca_file) as client:
            for _ in range(2):
                assert push(client) == ([DONE], None)
        assert server.connections == 2


def test_a_cut_body_names_the_cut() -> None:
    """The end of the connection in the middle of a chunk."""

    def script(visit: Visit) -> None:
        visit.begin_stream()
        visit.send(b"ff\r\n{")
        visit.cut()

    with ScriptedServer(script) as server, connect(server, retries=0) as client, pytest.raises(StreamCut):
        client.generate({}).each(Kept())

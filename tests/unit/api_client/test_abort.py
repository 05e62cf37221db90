"""`abort()` from another thread ends a call wherever it waits, and the server sees the connection close."""

import socket
import ssl
import threading
from dataclasses import dataclass

import pytest
from urllib3 import HTTPConnectionPool

from api_client import Aborted, OllamaClient
from api_client.call import Call
from api_client.connection import AbortableConnection
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.scripted_server import PATIENCE_SECONDS, Script, ScriptedServer, Visit

DONE = {"message": {"content": ""}, "done": True}


@dataclass(frozen=True)
class Scheme:
    """http, or https with a private authority."""

    tls: ssl.SSLContext | None
    ca_file: str | None

    def server(self, *scripts: Script) -> ScriptedServer:
        return ScriptedServer(*scripts, tls=self.tls)

    def client(self, server: ScriptedServer) -> OllamaClient:
        # No timeout anywhere: only an abort can end these calls.
        return OllamaClient(server.url, ca_file=self.ca_file, connect_timeout_seconds=PATIENCE_SECONDS)


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest, server_tls: ssl.SSLContext, ca_file: str) -> Scheme:
    return Scheme(server_tls, ca_file) if request.param == "https" else Scheme(None, None)


def silent(visit: Visit) -> None:
    visit.wait_until_gone()


def one_token_then_silent(visit: Visit) -> None:
    visit.begin_stream()
    visit.line(message={"content": "a"}, done=False)
    visit.wait_until_gone()


def whole(visit: Visit) -> None:
    visit.stream([{"message": {"content": "a"}, "done": False}, DONE])


def test_ends_a_wait_for_headers(scheme: Scheme) -> None:
    """Before the first token there is no header and no byte, and the call still ends."""
    with scheme.server(silent, whole) as server, scheme.client(server) as client:
        stream = client.chat({}, first_byte_timeout_seconds=None)
        reader = Reader(lambda: list(stream))
        visit = server.next_visit()
        stream.abort()
        assert isinstance(reader.join(), Aborted)
        assert visit.gone.wait(PATIENCE_SECONDS)
        assert len(list(client.chat({}))) == 2, "the pool must stay usable"
        assert len(server.visits) == 2, "an aborted request must not be sent again"


def _abort_after_a_token(server: ScriptedServer, client: OllamaClient) -> None:
    stream = client.generate({}, stall_timeout_seconds=None)
    got_one = threading.Event()

    def read() -> None:
        for _ in stream:
            got_one.set()

    reader = Reader(read)
    visit = server.next_visit()
    assert got_one.wait(PATIENCE_SECONDS)
    stream.abort()
    assert isinstance(reader.join(), Aborted)
    assert visit.gone.wait(PATIENCE_SECONDS)


def test_ends_a_wait_between_tokens(scheme: Scheme) -> None:
    """A stream that has fallen silent ends, after the tokens that came."""
    with scheme.server(one_token_then_silent, whole) as server, scheme.client(server) as client:
        _abort_after_a_token(server, client)
        assert len(list(client.chat({}))) == 2


def test_ends_a_body_that_is_not_chunked(scheme: Scheme) -> None:
    """A body that ends with the connection (a proxy of HTTP/1.0) is read from a socket urllib3 no longer holds."""

    def until_closed(visit: Visit) -> None:
        visit.head(200, ("Connection", "close"))
        visit.send(b'{"response": "a", "done": false}\n')
        visit.wait_until_gone()

    with scheme.server(until_closed) as server, scheme.client(server) as client:
        _abort_after_a_token(server, client)


def test_ends_an_embedding(scheme: Scheme) -> None:
    """What is not streamed can be aborted as well."""
    with scheme.server(silent) as server, scheme.client(server) as client:
        answer = client.embed({}, first_byte_timeout_seconds=None)
        reader = Reader(answer.result)
        visit = server.next_visit()
        answer.abort()
        assert isinstance(reader.join(), Aborted)
        assert visit.gone.wait(PATIENCE_SECONDS)


def test_ends_a_handshake(ca_file: str) -> None:
    """A server that accepts and never speaks TLS does not hold the call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with OllamaClient(url, ca_file=ca_file, connect_timeout_seconds=PATIENCE_SECONDS * 2) as client:
            stream = client.chat({})
            reader = Reader(lambda: list(stream))
            peer, _ = listener.accept()
            with peer:
                assert peer.recv(1), "the client has begun the handshake"
                stream.abort()
                assert isinstance(reader.join(), Aborted)


def test_ends_the_pause_before_a_retry() -> None:
    """The pause between two attempts is no uninterruptible sleep."""

    def busy(visit: Visit) -> None:
        visit.answer(503, {"error": "server busy"})

    class Watched(Call):
        pausing = threading.Event()

        def pause(self, seconds: float) -> None:
            self.pausing.set()
            super().pause(1000)

    with ScriptedServer(busy) as server, OllamaClient(server.url, retries=5) as client:
        stream = client.chat({})
        stream.call = Watched()
        reader = Reader(lambda: list(stream))
        assert Watched.pausing.wait(PATIENCE_SECONDS)
        stream.abort()
        assert isinstance(reader.join(), Aborted)
        assert len(server.visits) == 1


def test_before_the_start_sends_nothing() -> None:
    """A job that was cancelled before its turn does not reach the server."""
    with ScriptedServer(whole) as server, OllamaClient(server.url) as client:
        stream, answer = client.chat({}), client.embed({})
        stream.abort()
        answer.abort()
        with pytest.raises(Aborted):
            list(stream)
        with pytest.raises(Aborted):
            answer.result()
        assert server.connections == 0


def test_tokens_already_received_are_not_given_after_an_abort() -> None:
    """No chunk comes after the abort, though many wait in the buffer."""

    def many(visit: Visit) -> None:
        visit.begin_stream()
        frame = b'{"message": {"content": "a"}, "done": false}\n'
        visit.send(b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for _ in range(50)))
        visit.wait_until_gone()

    with ScriptedServer(many) as server, OllamaClient(server.url) as client:
        stream = client.chat({})
        steps = iter(stream)
        next(steps)
        stream.abort()
        with pytest.raises(Aborted):
            next(steps)
        assert server.visits[0].gone.wait(PATIENCE_SECONDS)


def test_after_the_last_line_changes_nothing() -> None:
    """An answer that is whole stays whole; a late abort touches neither it nor the next call's connection."""
    with ScriptedServer(whole) as server, OllamaClient(server.url) as client:
        first = client.chat({})
        assert len(list(first)) == 2
        second = client.chat({})
        steps = iter(second)
        next(steps)
        first.abort()
        assert next(steps) == DONE
        assert list(steps) == []
        assert server.connections == 1, "both calls were meant to share a connection"


def test_twice_and_then_closing_is_harmless() -> None:
    """Clock thread, cancel listener and the reader's own cleanup may all come to the same stream."""
    with ScriptedServer(one_token_then_silent) as server, OllamaClient(server.url) as client:
        with client.chat({}) as stream:
            next(iter(stream))
            stream.abort()
            stream.abort()
            assert stream.call.aborted
        assert server.visits[0].gone.wait(PATIENCE_SECONDS)


def test_closing_the_client_ends_what_runs() -> None:
    """Nothing outlives the client: running streams raise, and what is begun later never connects."""
    with ScriptedServer(silent) as server:
        client = OllamaClient(server.url)
        readers = [Reader(lambda: list(client.chat({}))) for _ in range(3)]
        visits = [server.next_visit() for _ in readers]
        client.close()
        assert all(isinstance(reader.join(), Aborted) for reader in readers)
        assert all(visit.gone.wait(PATIENCE_SECONDS) for visit in visits)
        with pytest.raises(Aborted):
            list(client.chat({}))
        assert server.connections == 3


def test_many_streams_end_alone(scheme: Scheme) -> None:
    """An abort ends its own call and none of those beside it."""
    released = threading.Event()

    def waits(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(message={"content": "a"}, done=False)
        if b"doomed" in visit.body:
            visit.wait_until_gone()
            return
        released.wait(PATIENCE_SECONDS)
        visit.line(**DONE)
        visit.end_stream()

    with scheme.server(waits) as server, scheme.client(server) as client:
        streams = [client.chat({"model": "doomed" if n % 2 else "spared"}) for n in range(8)]
        readers = [Reader(lambda stream=stream: list(stream)) for stream in streams]  # type: ignore[misc] # bound per loop
        for _ in streams:
            server.next_visit()
        for stream in streams[1::2]:
            stream.abort()
        doomed = [reader.join() for reader in readers[1::2]]
        released.set()
        assert all(isinstance(error, Aborted) for error in doomed)
        assert [reader.join() for reader in readers[0::2]] == [None] * 4


def test_ends_a_call_on_a_kept_connection(scheme: Scheme) -> None:
    """A connection from the pool is known to the call that uses it now, as a new one is."""
    with scheme.server(whole, silent) as server, scheme.client(server) as client:
        assert len(list(client.chat({}))) == 2
        stream = client.chat({}, first_byte_timeout_seconds=None)
        reader = Reader(lambda: list(stream))
        server.next_visit()
        visit = server.next_visit()
        stream.abort()
        assert isinstance(reader.join(), Aborted)
        assert visit.gone.wait(PATIENCE_SECONDS)
        assert server.connections == 1, "both calls were meant to share a connection"


def test_a_connection_is_given_back_only_after_its_call_has_released_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the pool's having it and the call's forgetting it, an abort would hit another job."""
    holders = []
    give_back = HTTPConnectionPool._put_conn

    def watched(pool: HTTPConnectionPool, conn: AbortableConnection | None) -> None:
        assert conn is not None
        holders.append(conn.call)
        give_back(pool, conn)

    monkeypatch.setattr(HTTPConnectionPool, "_put_conn", watched)
    with ScriptedServer(whole) as server, OllamaClient(server.url) as client:
        assert len(list(client.chat({}))) == 2
    assert holders == [None]

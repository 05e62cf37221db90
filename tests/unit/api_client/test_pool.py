"""Connections are kept, shared by threads, and given up when an answer was not read to its end."""

import threading
from http.client import HTTPConnection

import pytest

from api_client import BadRequest, OllamaClient, ServerBusy, StreamError
from api_client.connection import PIECE_BYTES
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.scripted_server import PATIENCE_SECONDS, ScriptedServer, Visit

TOKEN = {"response": "a", "done": False}
DONE = {"response": "", "done": True}


def whole(visit: Visit) -> None:
    visit.stream([TOKEN, DONE])


def endless(visit: Visit) -> None:
    visit.begin_stream()
    visit.line(**TOKEN)
    visit.wait_until_gone()


def plain(visit: Visit) -> None:
    visit.answer(200, {"version": "1", "models": [], "embeddings": []})


def test_one_after_the_other_share_a_connection() -> None:
    """Streams, questions, embeddings and refusals in a row need one connection."""

    def by_path(visit: Visit) -> None:
        if visit.path == "/api/generate":
            whole(visit)
        elif visit.path == "/api/chat":
            visit.answer(400, {"error": "refused"})
        else:
            plain(visit)

    with ScriptedServer(by_path) as server, OllamaClient(server.url) as client:
        for _ in range(3):
            assert list(client.generate({})) == [TOKEN, DONE]
            assert client.version() == "1"
            assert client.embed({}).result()["embeddings"] == []
            with pytest.raises(BadRequest):
                list(client.chat({}))
        assert len(server.visits) == 12
        assert server.connections == 1


def test_as_many_connections_are_kept_as_there_are_slots() -> None:
    """Four slots at work open four connections, once."""
    together = threading.Barrier(4)

    def meet(visit: Visit) -> None:
        together.wait(PATIENCE_SECONDS)
        whole(visit)

    with ScriptedServer(meet) as server, OllamaClient(server.url, slots=4) as client:
        for _ in range(3):
            readers = [Reader(lambda: list(client.generate({}))) for _ in range(4)]
            assert [reader.join() for reader in readers] == [None] * 4
        assert server.connections == 4


def test_stopping_at_the_last_line_keeps_the_connection() -> None:
    """A reader that leaves the loop when it sees `done` costs no reconnect."""
    with ScriptedServer(whole) as server, OllamaClient(server.url) as client:
        for _ in range(3):
            with client.generate({}) as stream:
                for chunk in stream:
                    if chunk["done"]:
                        break
        assert server.connections == 1


def test_stopping_early_closes_the_connection() -> None:
    """A reader that leaves early ends the generation at the server, and does not spoil the pool."""
    with ScriptedServer(endless, whole) as server, OllamaClient(server.url) as client:
        with client.generate({}) as stream:
            for _ in stream:
                break
        assert server.next_visit().gone.wait(PATIENCE_SECONDS)
        assert list(client.generate({})) == [TOKEN, DONE]


def test_an_exception_in_the_loop_closes_the_connection() -> None:
    """The consumer's own exception passes through unchanged, and the server is not left generating."""

    def consume(client: OllamaClient) -> None:
        with client.generate({}) as stream:
            for _ in stream:
                raise ZeroDivisionError

    with ScriptedServer(endless) as server, OllamaClient(server.url) as client:
        with pytest.raises(ZeroDivisionError):
            consume(client)
        assert server.next_visit().gone.wait(PATIENCE_SECONDS)


def test_a_stream_that_is_never_read_never_connects() -> None:
    """Nothing is sent before the first step."""
    with ScriptedServer(whole) as server, OllamaClient(server.url) as client:
        with client.generate({}):
            pass
        assert server.connections == 0


def test_a_missing_end_mark_does_not_fail_a_whole_answer() -> None:
    """After `done: true` the answer is whole, though the server dies before it ends the body."""

    def no_end(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(**DONE)
        visit.cut()

    with ScriptedServer(no_end) as server, OllamaClient(server.url) as client:
        assert list(client.generate({})) == [DONE]
        assert list(client.generate({})) == [DONE]
        assert server.connections == 2


def test_a_connection_the_server_closed_meanwhile_is_replaced() -> None:
    """A restart of the server between two jobs is not noticed by the second."""

    def then_close(visit: Visit) -> None:
        whole(visit)
        visit.cut()

    with ScriptedServer(then_close) as server, OllamaClient(server.url, backoff_seconds=0) as client:
        for _ in range(3):
            assert list(client.generate({})) == [TOKEN, DONE]
        assert server.connections == 3


def test_more_calls_than_slots_are_not_blocked() -> None:
    """The pool never makes a probe wait for a stream: more calls than slots just connect."""
    with ScriptedServer(endless) as server, OllamaClient(server.url, slots=1) as client:
        streams = [client.generate({}) for _ in range(6)]
        assert [next(iter(stream)) for stream in streams] == [TOKEN] * 6
        for stream in streams:
            stream.close()
        assert all(server.next_visit().gone.wait(PATIENCE_SECONDS) for _ in streams)


def test_answers_in_other_shapes_are_stream_errors() -> None:
    """A login page with status 200 is not Ollama, and not a crash."""

    def page(visit: Visit) -> None:
        visit.answer(200, "<html>log in</html>\n", ("Content-Type", "text/html"))

    with ScriptedServer(page) as server, OllamaClient(server.url) as client:
        with pytest.raises(StreamError):
            client.tags()
        with pytest.raises(StreamError):
            list(client.generate({}))


def test_a_payload_that_is_not_json_is_refused_before_sending() -> None:
    """What cannot be written as JSON names the reason and does not reach the server."""
    with ScriptedServer(whole) as server, OllamaClient(server.url) as client:
        for payload in ({"options": {"seed": float("nan")}}, {"images": [b"raw"]}):
            with pytest.raises(BadRequest):
                client.generate(payload)
        assert server.connections == 0


def test_a_busy_server_is_asked_again_on_the_same_connection() -> None:
    """A refusal is read to its end, so that a retry needs no new connection."""

    def busy(visit: Visit) -> None:
        visit.answer(503, {"error": "server busy"})

    with ScriptedServer(busy) as server, OllamaClient(server.url, retries=2, backoff_seconds=0) as client:
        with pytest.raises(ServerBusy):
            list(client.generate({}))
        assert (len(server.visits), server.connections) == (3, 1)


def test_each_request_has_its_own_body_and_headers() -> None:
    """What is prepared once for a path is nothing of one request, and a question without a body stays without."""
    with ScriptedServer(plain) as server, OllamaClient(server.url) as client:
        for answer in [client.embed({"input": "a"}), client.embed({"input": "longer"})]:  # both before one is sent
            answer.result()
        client.version()
        client.embed({"input": "b"}).result()
        bodies = [visit.body for visit in server.visits]
        assert bodies == [b'{"input":"a"}', b'{"input":"longer"}', b"", b'{"input":"b"}']
        lengths = [visit.headers.get("content-length") for visit in server.visits]
        assert lengths == ["13", "18", None, "13"]


def test_requests_in_a_row_have_the_same_head() -> None:
    """But for the length: what was sent on a connection is sent again with another body."""
    with ScriptedServer(plain) as server, OllamaClient(server.url) as client:
        for text in ("a", "longer", "b"):
            client.embed({"input": text}).result()
        heads = [(visit.method, visit.path, visit.headers | {"content-length": ""}) for visit in server.visits]
        assert heads == heads[:1] * 3
        assert [visit.body for visit in server.visits] == [b'{"input":"a"}', b'{"input":"longer"}', b'{"input":"b"}']
        assert server.visits[0].headers["content-type"] == "application/json"
        client.version()
        assert "content-type" not in server.visits[-1].headers
        assert server.connections == 1


@pytest.mark.parametrize(("size", "pieces"), [(10, 1), (PIECE_BYTES * 2, 4)])
def test_a_request_is_sent_in_few_pieces(monkeypatch: pytest.MonkeyPatch, size: int, pieces: int) -> None:
    """A small one in one, so that the server is not woken for the headers alone.

    The connect timeout limits each piece of a large one: images of 20 MB over a slow link take longer as a whole.
    """
    sent: list[int] = []
    send = HTTPConnection.send

    def count(self: HTTPConnection, data: bytes) -> None:
        sent.append(len(data))
        send(self, data)

    monkeypatch.setattr(HTTPConnection, "send", count)
    with ScriptedServer(plain) as server, OllamaClient(server.url) as client:
        client.embed({"input": "x" * size}).result()
        assert len(sent) == pieces
        assert max(sent) <= PIECE_BYTES
        (visit,) = server.visits
        assert len(visit.body) == size + len('{"input":""}')
        assert visit.headers["content-length"] == str(len(visit.body))

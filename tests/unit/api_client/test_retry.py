"""Within one call, a request is sent again exactly where that can help."""

import socket
from typing import Any

import pytest

from api_client import (
    ConnectionLost,
    ConnectTimeout,
    FirstByteTimeout,
    GatewayError,
    HostUnreachable,
    OllamaClient,
    OllamaStatusError,
    ServerBusy,
    ServerFault,
    StallTimeout,
    StreamCut,
    WrongProtocol,
)
from api_client.call import Call
from api_client.retry import RetryPolicy, parse_retry_after
from tests.unit.api_client.scripted_server import PATIENCE_SECONDS, Script, ScriptedServer, Visit

DONE = {"response": "", "done": True}


class Dial:
    """A clock that stands still and throws a chosen number."""

    def __init__(self, now: float = 0.0, number: float = 0.5) -> None:
        self._now, self._number = now, number

    def time(self) -> float:
        return self._now

    def random(self) -> float:
        return self._number


def whole(visit: Visit) -> None:
    visit.stream([DONE])


def cut(visit: Visit) -> None:
    visit.cut()


def status(code: int, *headers: tuple[str, str]) -> Script:
    return lambda visit: visit.answer(code, {"error": "scripted"}, *headers)


def make_client(server: ScriptedServer, **options: Any) -> OllamaClient:
    return OllamaClient(server.url, **{"retries": 2, "backoff_seconds": 0, **options})


@pytest.mark.parametrize("failure", [cut, status(502), status(503)], ids=["cut", "502", "503"])
def test_a_post_is_sent_again_after_a_passing_failure(failure: Script) -> None:
    """A connection cut before the headers, and the statuses of an overloaded server, are tried again with all bytes."""
    with ScriptedServer(failure, failure, whole) as server, make_client(server) as client:
        payload = {"prompt": "x" * 200_000}
        assert list(client.generate(payload)) == [DONE]
        assert len(server.visits) == 3
        assert len({visit.body for visit in server.visits}) == 1
        assert len(server.visits[0].body) > 200_000


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (cut, ConnectionLost),
        (status(502), GatewayError),
        (status(503), ServerBusy),
    ],
    ids=["cut", "502", "503"],
)
def test_used_up_retries_give_the_typed_error(failure: Script, kind: type[Exception]) -> None:
    """After the last retry the failure itself comes out, not the fact that retries are used up."""
    with ScriptedServer(failure) as server, make_client(server) as client:
        with pytest.raises(kind) as caught:
            list(client.generate({}))
        assert type(caught.value) is kind
        assert len(server.visits) == 3


@pytest.mark.parametrize("code", [400, 404, 408, 429, 500, 501, 504, 505, 524])
def test_other_statuses_are_not_sent_again(code: int) -> None:
    """Neither a refusal nor an unknown fault is repeated at once, nor what a proxy has waited for in vain."""
    with ScriptedServer(status(code)) as server, make_client(server) as client:
        with pytest.raises(OllamaStatusError):
            list(client.generate({}))
        assert len(server.visits) == 1


def test_an_unknown_fault_is_told_from_a_refusal() -> None:
    """A 500 nobody has seen before is left to the worker's own retries."""
    with ScriptedServer(status(500)) as server, make_client(server) as client, pytest.raises(ServerFault):
        list(client.generate({}))


def test_a_read_timeout_is_never_repeated() -> None:
    """Giving up during a load throws the load away; sending the request again would do so twice."""

    def silent(visit: Visit) -> None:
        visit.wait_until_gone()

    with ScriptedServer(silent) as server, make_client(server) as client:
        with pytest.raises(FirstByteTimeout):
            list(client.generate({}, first_byte_timeout_seconds=0.1))
        assert server.next_visit().gone.wait(PATIENCE_SECONDS)
        assert len(server.visits) == 1


def test_silence_between_chunks_has_its_own_limit() -> None:
    """The first byte may take long; after it, a short limit counts, and the text so far is given."""

    def falls_silent(visit: Visit) -> None:
        visit.begin_with({"response": "a", "done": False})
        visit.wait_until_gone()

    with ScriptedServer(falls_silent) as server, make_client(server) as client:
        steps = iter(client.generate({}, first_byte_timeout_seconds=None, stall_timeout_seconds=0.1))
        assert next(steps)["response"] == "a"
        with pytest.raises(StallTimeout) as caught:
            next(steps)
        assert caught.value.seconds == 0.1
        assert server.next_visit().gone.wait(PATIENCE_SECONDS)
        assert len(server.visits) == 1


@pytest.mark.parametrize("keep", ["inside a chunk", "between chunks", "after a whole length"])
def test_a_body_that_ends_early_is_cut(keep: str) -> None:
    """Cut or ended in good order: without its last line a stream is not complete, and is not sent again here."""

    def partial(visit: Visit) -> None:
        visit.begin_stream()
        visit.line(response="a", done=False)
        if keep == "inside a chunk":
            visit.send(b'40\r\n{"response": "b')
        if keep == "after a whole length":
            visit.end_stream()
        else:
            visit.cut()

    with ScriptedServer(partial) as server, make_client(server) as client:
        steps = iter(client.generate({}))
        assert next(steps)["response"] == "a"
        with pytest.raises(StreamCut):
            next(steps)
        assert len(server.visits) == 1


def test_an_embedding_that_ends_early_is_cut() -> None:
    """Half an answer is no answer, though its bytes may look like one."""

    def half(visit: Visit) -> None:
        visit.head(200, ("Content-Length", "1000"))
        visit.send(b'{"embeddings": []}')
        visit.cut()

    with ScriptedServer(half) as server, make_client(server) as client, pytest.raises(StreamCut):
        client.embed({}).result()


def test_a_name_that_does_not_resolve_is_a_connection_error() -> None:
    """The message names the address and says what is wrong with it."""
    with (
        OllamaClient("http://no-such-host.invalid:1", retries=0) as client,
        pytest.raises(HostUnreachable, match=r"no-such-host\.invalid"),
    ):
        client.version()


def test_a_server_that_does_not_speak_http_is_not_asked_again() -> None:
    """Another service at this address stays another service."""

    def other(visit: Visit) -> None:
        visit.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        visit.cut()

    with ScriptedServer(other) as server, make_client(server) as client:
        with pytest.raises(WrongProtocol, match="does not speak HTTP"):
            list(client.generate({}))
        assert len(server.visits) == 1


def test_a_server_that_does_not_accept_times_out() -> None:
    """No connection within the connect timeout: the error says so, and a later attempt is worth it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:  # fill the backlog, so that the kernel drops further SYNs
            sock.setblocking(False)
            sock.connect_ex(address)
        with (
            OllamaClient(f"http://127.0.0.1:{address[1]}", connect_timeout_seconds=0.3) as client,
            pytest.raises(ConnectTimeout),
        ):
            client.version()
        for sock in waiting:
            sock.close()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 7 ", 7.0),
        ("Thu, 01 Jan 1970 00:01:10 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    """Seconds or a date; anything else is as if it were not there."""
    assert parse_retry_after({} if header is None else {"Retry-After": header}, Dial(now=60.0)) == seconds


def test_a_date_of_a_server_is_by_its_own_clock() -> None:
    """Clocks of machines differ: the time between its two dates counts, whatever ours says."""
    headers = {"Date": "Thu, 01 Jan 1970 02:00:00 GMT", "Retry-After": "Thu, 01 Jan 1970 02:00:30 GMT"}
    assert parse_retry_after(headers, Dial(now=60.0)) == 30.0
    assert parse_retry_after({**headers, "Date": "soon"}, Dial(now=7200.0)) == 30.0


class PauseNotes(Call):
    """A call that notes its pauses instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def list_pauses(server: ScriptedServer, number: float, retries: int) -> list[float]:
    notes = PauseNotes()
    with make_client(server, retries=retries, backoff_seconds=0.2, clock=Dial(number=number)) as client:
        stream = client.generate({})
        stream.call = notes
        with pytest.raises(ServerBusy):
            list(stream)
    return notes.pauses


def test_a_short_retry_after_is_respected() -> None:
    """The server's wish counts; one that cannot be read does not."""
    wishes = [status(503, ("Retry-After", wish)) for wish in ("1", "0", "soon")]
    with ScriptedServer(*wishes) as server:
        assert list_pauses(server, number=0.5, retries=3) == [1.0, 0.0, 0.2 * 4]


@pytest.mark.parametrize("code", [429, 503])
def test_a_long_retry_after_is_left_to_the_caller(code: int) -> None:
    """The server is not asked before the time that it named, and the job does not wait for it in a slot."""
    with ScriptedServer(status(code, ("Retry-After", "2"))) as server, make_client(server) as client:
        with pytest.raises(ServerBusy) as caught:
            list(client.generate({}))
        assert (len(server.visits), caught.value.retry_after_seconds) == (1, 2.0)


def test_retry_after_stands_on_the_error() -> None:
    """When retries are used up, the worker can read how long the server asked to wait."""
    with ScriptedServer(status(503, ("Retry-After", "17"))) as server, make_client(server, retries=0) as client:
        with pytest.raises(ServerBusy) as caught:
            list(client.generate({}))
        assert caught.value.retry_after_seconds == 17.0


def test_a_429_with_retry_after_is_sent_again() -> None:
    """A proxy that limits rates says when to come back."""
    with ScriptedServer(status(429, ("Retry-After", "0")), whole) as server, make_client(server) as client:
        assert list(client.generate({})) == [DONE]


@pytest.mark.parametrize(("number", "expected"), [(0.0, [0.1, 0.2, 0.4]), (0.5, [0.2, 0.4, 0.8])])
def test_pauses_double_with_jitter(number: float, expected: list[float]) -> None:
    """The first pause is not zero, each is twice the last, and chance spreads them by half."""
    with ScriptedServer(status(503)) as server:
        assert list_pauses(server, number, retries=3) == pytest.approx(expected)


def test_pauses_are_capped() -> None:
    """However often it is tried, a pause stays short."""
    policy = RetryPolicy.of(20, 0.2, Dial())
    for _ in range(15):
        policy = policy.increment("POST", "/", error=None)
    assert policy.get_backoff_time() == 5.0

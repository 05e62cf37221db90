"""What a request may be: its head, its body and the time for both are bounded, and so is what it may claim to be."""

import asyncio
import re
from collections.abc import Iterator

import psutil
import pytest

from embedded.redis import EmbeddedRedis
from tests.conftest import MODEL
from tests.gateway.raw import connect
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name

MOST = 100_000
HEAD = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def narrow(redis_server: EmbeddedRedis) -> Iterator[GatewayProcess]:
    """A gateway that gives half a second, and takes small bodies."""
    given = {"gateway_max_body_bytes": MOST, "gateway_head_seconds": 0.5, "gateway_idle_seconds": 1}
    with GatewayProcess(redis_server.url, prefix=f"test-{fresh_name()[:12]}", **given) as gateway:
        yield gateway


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(narrow: GatewayProcess) -> None:
    """413 for the head alone; the connection is closed, and names the setting."""
    with connect(narrow.url) as raw:
        raw.send(HEAD, b"Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n")
        answer = raw.read_rest()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"LLAMAQ_GATEWAY_MAX_BODY_BYTES" in answer


def test_a_large_body_is_refused_and_its_sender_reads_the_answer(narrow: GatewayProcess) -> None:
    """A client that sends first and reads later gets the 413, and no reset, while memory stays as it was."""
    before = psutil.Process(narrow.process.pid).memory_info().rss
    with connect(narrow.url) as raw:
        raw.send(HEAD, b"Content-Length: 20000000\r\n\r\n", b"x" * 20_000_000)

        assert raw.read_status() == 413
    assert psutil.Process(narrow.process.pid).memory_info().rss - before < 20_000_000


def test_chunks_without_end_are_refused(narrow: GatewayProcess) -> None:
    """By the bytes that have come, since there is no length."""
    with connect(narrow.url) as raw:
        raw.send(HEAD, b"Transfer-Encoding: chunked\r\n\r\n", *[b"1000\r\n" + b"x" * 4096 + b"\r\n"] * 100)

        assert raw.read_status() == 413


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([], 408),
        ([HEAD], 408),
        ([HEAD + b"X-Slow: "], 408),
        ([HEAD, b"Content-Length: 100\r\n\r\n", b"{"], 408),
        ([HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"], 408),
        ([HEAD, b"X-Long: ", b"x" * 1_000_000], 431),
        ([b"GET /" + b"x" * 1_000_000], 431),
    ],
)
def test_a_head_or_a_body_that_does_not_come_is_given_up(
    narrow: GatewayProcess, sent: list[bytes], status: int
) -> None:
    """Slowloris and its kin: the connection is answered and closed."""
    with connect(narrow.url) as raw:
        raw.send(*sent)

        assert raw.read_status() == status


def test_a_trickle_is_given_up_too(narrow: GatewayProcess) -> None:
    """Each pause is short enough, and all of them together are not."""

    async def trickle() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(narrow.url.rpartition(":")[2]))
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait((answer,), timeout=0.05)
        writer.close()
        return answer.result()

    assert asyncio.run(trickle()).startswith(b"HTTP/1.1 408 ")


def test_a_second_head_that_does_not_come_is_given_up_as_well(narrow: GatewayProcess) -> None:
    """On a connection that has served a request."""
    with connect(narrow.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", HEAD)

        assert re.findall(rb"HTTP/1.1 (\d+) ", raw.read_rest()) == [b"200", b"408"]


def test_an_idle_connection_is_closed(narrow: GatewayProcess) -> None:
    """Between two requests."""
    with connect(narrow.url) as raw:
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert raw.read_rest().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Content-Length: +5\r\n\r\nabcde",
        b"Content-Length: 5, 5\r\n\r\nabcde",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"X: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"X\x00: a\r\n\r\n",
    ],
)
def test_two_readings_of_one_request_are_refused(narrow: GatewayProcess, sent: bytes) -> None:
    """Smuggling: what two servers could cut differently is no request, and what comes behind it is never answered."""
    with connect(narrow.url) as raw:
        raw.send(HEAD + sent + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = raw.read_rest()

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))
    assert answer.count(b"HTTP/1.1 ") == 1


def test_without_keys_only_this_machines_own_names_and_pages_are_served(narrow: GatewayProcess) -> None:
    """A web page cannot reach it by a name of its own (DNS rebinding), nor send requests from another origin."""
    for host in ("localhost", "127.0.0.1:1", "[::1]:80", "a.localhost"):
        assert narrow.http.get("/", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:80"):
        assert narrow.http.get("/", headers={"Host": host}).status_code == 421
    assert narrow.http.get("/healthz", headers={"Origin": "http://localhost:3000"}).status_code == 200
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        assert narrow.http.get("/healthz", headers={"Origin": origin}).status_code == 403


def test_no_page_may_read_the_answers_unless_its_origin_is_set(redis_server: EmbeddedRedis) -> None:
    """CORS: none by default; with `LLAMAQ_GATEWAY_ORIGINS` these alone, for refusals too. `Host` is the setting's."""
    given = {"gateway_origins": "https://app.example", "gateway_hosts": "llm.example,*.internal"}
    with GatewayProcess(redis_server.url, **given) as gateway:
        host = {"Host": "llm.example"}
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        allowed = gateway.http.options("/jobs", headers={**host, **asked})
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
        refused = gateway.http.options("/jobs", headers={**host, **asked, "Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in refused.headers
        with connect(gateway.url) as raw:
            page = b"Host: llm.example\r\nOrigin: https://app.example\r\nExpect: 100-continue\r\n"
            raw.send(b"POST /api/chat HTTP/1.1\r\n", page, b"Content-Length: 1099511627776\r\n\r\n")
            refused_body = raw.read_rest().lower()
        assert refused_body.startswith(b"http/1.1 413 ")
        assert b"access-control-allow-origin: https://app.example\r\n" in refused_body
        assert gateway.http.get("/", headers={"Host": "a.internal:8080"}).status_code == 200
        assert gateway.http.get("/", headers={"Host": "localhost"}).status_code == 421


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_may_ask_by_an_address(redis_server: EmbeddedRedis, path: str) -> None:
    """A kubelet asks by the pod's, a container's check by 127.0.0.1, HAProxy without a `Host`: it is ready for all."""
    with GatewayProcess(redis_server.url, gateway_hosts="llm.example") as gateway:
        answers = [gateway.http.get(path, headers={"Host": host}) for host in ("10.1.2.3:11435", "127.0.0.1", "")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_page_of_an_allowed_origin_can_read_a_stream(service: Service, path: str) -> None:
    """Its head has the headers of CORS too, although pieces are written past what adds them."""
    service.ollama.script(tokens=["a", "b", "c"], rate=20)
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    given = {"prefix": service.prefix, "gateway_origins": "https://app.example"}
    with GatewayProcess(service.url, **given) as gateway:
        answer = gateway.http.post(path, json=asked, headers={"Origin": "https://app.example"})

    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "X-Llamaq-Job" in answer.headers["Access-Control-Expose-Headers"]
    assert re.findall(r'"content": ?"([abc])"', answer.text) == ["a", "b", "c"]

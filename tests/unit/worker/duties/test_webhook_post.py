"""Calls to addresses that a producer chose: nothing of ours can be reached, whatever the name resolves to and when."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import pytest
import trustme

from llamaq.vocabulary.notify import is_public
from worker.duties import webhook_post
from worker.duties.webhook_post import WebhookError, WebhookRefused, post


class Receiver(BaseHTTPRequestHandler):
    """Answers with the status that the path names, and writes down what came."""

    seen: list[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Host"], body))
        self.send_response(int(self.path.partition("?")[0].rpartition("/")[2]))
        self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[tuple[str, str | None, bytes]]]]:
    handler = type("Handler", (Receiver,), {"seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, handler.seen  # type: ignore[attr-defined]  # made a line above
        server.shutdown()


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::1",
        ),
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_no_address_of_ours_is_public(address: str) -> None:
    """Loopback, private, link-local, metadata services, multicast; and all of them inside an IPv6 address."""
    assert not is_public(address)
    with pytest.raises(WebhookRefused, match="LLAMAQ_WEBHOOK_PRIVATE"):
        post("http://receiver.example/200", b"x", {}, resolve=lambda host, port: [address])


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_the_internet_is_public(address: str) -> None:
    """Else nothing could be told."""
    assert is_public(address)


def test_one_private_address_among_public_ones_spoils_the_name() -> None:
    """A name with both is a trap that waits for the public one to fail."""
    with pytest.raises(WebhookRefused):
        post("http://receiver.example/", b"x", {}, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])


def test_a_name_is_asked_for_once_and_its_answer_is_called() -> None:
    """DNS rebinding needs a second look-up: there is none, and the host is named in the header alone."""
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with receiving() as (port, seen):
        # No resolver knows this name: whoever looked it up again would fail.
        status = post(f"http://nobody.invalid:{port}/a/200?b=c", b"body", {}, private=True, resolve=resolve)

    assert status == 200
    assert asked == [("nobody.invalid", port)]
    assert seen == [("/a/200?b=c", f"nobody.invalid:{port}", b"body")]


def test_a_slow_receiver_has_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of connecting is shorter, and is over with the connection: a second message would come of a cut."""
    monkeypatch.setattr(webhook_post, "CONNECT_SECONDS", 0.2)
    connecting_is_over = threading.Event()
    answer = Receiver.send_response

    def late(self: Receiver, code: int, message: str | None = None) -> None:
        connecting_is_over.wait(1)
        answer(self, code, message)

    monkeypatch.setattr(Receiver, "send_response", late)
    with receiving() as (port, seen):
        assert post(f"http://127.0.0.1:{port}/200", b"x", {}, private=True) == 200

    assert len(seen) == 1


def test_the_limit_is_the_documented_one() -> None:
    """Receivers are told in docs/wire.md."""
    page = (Path(__file__).parents[4] / "docs" / "wire.md").read_text()

    assert f"A receiver has {webhook_post.ANSWER_SECONDS:g} s to answer" in page


def test_a_redirect_leads_nowhere() -> None:
    """It would be a way round every check."""
    with receiving() as (port, seen), pytest.raises(WebhookError, match="302"):
        post(f"http://127.0.0.1:{port}/302", b"x", {}, private=True)

    assert [path for path, *_ in seen] == ["/302"]


@pytest.mark.parametrize(("status", "final"), [(500, False), (429, False), (404, False), (410, True)])
def test_a_status_that_is_no_2xx_is_a_failure(status: int, final: bool) -> None:
    """After 410 nobody calls again."""
    with receiving() as (port, _), pytest.raises(WebhookError, match=str(status)) as caught:
        post(f"http://127.0.0.1:{port}/{status}", b"x", {}, private=True)

    assert isinstance(caught.value, WebhookRefused) is final


def test_an_interim_answer_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver may say that it is at work (102). Taken for its answer, it would get the message again."""
    answer = Receiver.send_response

    def later(self: Receiver, code: int, message: str | None = None) -> None:
        for _ in range(2):
            self.send_response_only(102)
            self.end_headers()
        answer(self, code, message)

    monkeypatch.setattr(Receiver, "send_response", later)
    with receiving() as (port, _):
        assert post(f"http://127.0.0.1:{port}/204", b"x", {}, private=True) == 204
        with pytest.raises(WebhookError, match="500"):
            post(f"http://127.0.0.1:{port}/500", b"x", {}, private=True)


def test_the_certificate_must_be_the_names() -> None:
    """Although the connection goes to an address; one for another name, or of nobody we trust, is refused."""
    authority = trustme.CA()
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("receiver.example").configure_cert(server)

    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with receiving(server) as (port, seen):
        url = f"https://receiver.example:{port}/200"
        assert post(url, b"x", {}, private=True, resolve=resolve, tls=ours) == 200
        with pytest.raises(WebhookError, match="certificate"):
            post(f"https://other.example:{port}/200", b"x", {}, private=True, resolve=resolve, tls=ours)
        with pytest.raises(WebhookError, match="certificate"):
            post(url, b"x", {}, private=True, resolve=resolve)

    assert len(seen) == 1


def test_a_receiver_that_drips_is_cut_off() -> None:
    """A byte now and then would keep a time-out between two reads from ever ending."""
    stop = threading.Event()

    def drip() -> None:
        line, _ = listener.accept()
        with line:
            try:
                line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not stop.wait(0.05):
                    line.sendall(b"x")
            except OSError:
                return

    with create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(WebhookError, match="no answer"):
            post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"x", {}, private=True, seconds=0.5)
        stop.set()
        thread.join()


@pytest.mark.parametrize("url", ["ftp://receiver.example/", "http://", "http://receiver.example:x/", "http://[::1/"])
def test_what_is_no_url_is_refused_without_being_quoted(url: str) -> None:
    """It cannot come in by a request; but the key that it stands in may have been written by somebody else."""
    with pytest.raises(WebhookRefused) as caught:
        post(url, b"x", {})

    assert url not in str(caught.value)

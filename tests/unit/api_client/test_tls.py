"""https with an authority of one's own, and the refusal of one that is not known."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
import trustme

from api_client import BadRequest, OllamaClient, UntrustedCertificate, WrongProtocol
from tests.unit.api_client.conftest import Reader
from tests.unit.api_client.scripted_server import ScriptedServer, Visit

TOKEN = {"response": "a", "done": False}
DONE = {"response": "", "done": True}


def whole(visit: Visit) -> None:
    visit.stream([TOKEN, DONE])


def test_streams_over_one_connection(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """With the authority's file, calls work as over http and share a connection."""
    with ScriptedServer(whole, tls=server_tls) as server, OllamaClient(server.url, ca_file=ca_file) as client:
        for _ in range(3):
            assert list(client.generate({"prompt": "x" * 200_000})) == [TOKEN, DONE]
        assert server.connections == 1


def test_retries_over_https(server_tls: ssl.SSLContext, ca_file: str) -> None:
    """The retries are in force for https as for http."""

    def busy(visit: Visit) -> None:
        visit.answer(503, {"error": "server busy"})

    with ScriptedServer(busy, busy, whole, tls=server_tls) as server:
        with OllamaClient(server.url, ca_file=ca_file, backoff_seconds=0) as client:
            assert list(client.generate({})) == [TOKEN, DONE]
        assert len(server.visits) == 3


def test_an_unknown_authority_is_refused(server_tls: ssl.SSLContext) -> None:
    """No token goes to a host that cannot prove itself; the message names the remedy, and no retry is made."""
    with ScriptedServer(whole, tls=server_tls) as server:
        with OllamaClient(server.url, token="t") as client, pytest.raises(UntrustedCertificate, match="CA file"):
            list(client.generate({}))
        assert server.visits == []
        assert server.connections == 1


def test_without_a_file_the_authorities_of_certifi_are_known(
    server_tls: ssl.SSLContext, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with requests. Those of the system may be others."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", ca_file)
    with ScriptedServer(whole, tls=server_tls) as server, OllamaClient(server.url) as client:
        assert list(client.generate({})) == [TOKEN, DONE]


def test_a_certificate_of_another_host_is_refused(authority: trustme.CA, ca_file: str) -> None:
    """A known authority does not help a certificate that names another host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    with (
        ScriptedServer(whole, tls=context) as server,
        OllamaClient(server.url, ca_file=ca_file) as client,
        pytest.raises(UntrustedCertificate),
    ):
        list(client.generate({}))


def test_https_to_a_plain_server_is_a_connection_error(ca_file: str) -> None:
    """`ollama serve` has no TLS: the wrong scheme in the URL is a clear error, and not repeated."""

    def read(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Reader(lambda: read(listener))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with OllamaClient(url, ca_file=ca_file) as client, pytest.raises(WrongProtocol):
            client.version()
        assert server.join() is None


@pytest.mark.parametrize("tls", [False, True])
def test_a_refusal_that_comes_before_the_request_is_read(tls: bool, server_tls: ssl.SSLContext, ca_file: str) -> None:
    """As of a proxy that takes no body of this size, and closes the connection: its answer counts, and not the cut."""

    def refuse(sock: socket.socket) -> None:
        with suppress(OSError), server_tls.wrap_socket(sock, server_side=True) if tls else sock as line:
            line.recv(1024)
            line.sendall(b'HTTP/1.1 413 Too Large\r\nContent-Length: 22\r\n\r\n{"error": "too large"}')

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # the listener is closed when the test ends
                while True:
                    refuse(listener.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        url = f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
        # The system discards the answer of about one try in three.
        with (
            OllamaClient(url, ca_file=ca_file if tls else None, retries=20, backoff_seconds=0) as client,
            pytest.raises(BadRequest, match="too large"),
        ):
            list(client.generate({"prompt": "x" * 5_000_000}))
        listener.shutdown(socket.SHUT_RDWR)

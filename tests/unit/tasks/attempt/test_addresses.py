"""A producer may be a tenant: no error of a job names the address of its host."""

import socket
from collections.abc import Callable

import pytest

from api_client import OllamaClient, OllamaError, UntrustedCertificate
from embedded.scripted.fleet import make_request_json
from llamaq.store.worker.outcome import Failed, Retry
from tasks.attempt.failures import outcome_of_error
from tests.unit.api_client.scripted_server import ScriptedServer, Visit
from tests.unit.tasks.ollama import claimed

JOB = claimed("generate", make_request_json())


def cut(visit: Visit) -> None:
    """No answer at all."""
    visit.cut()


def other_protocol(visit: Visit) -> None:
    """Another service."""
    visit.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    visit.cut()


def half(visit: Visit) -> None:
    """A stream that is cut in the middle."""
    visit.head(200, ("Content-Length", "1000"))
    visit.send(b'{"response": "a"}\n')
    visit.cut()


def garbage(visit: Visit) -> None:
    """A line that is no JSON."""
    visit.head(200, ("Content-Length", "5"))
    visit.send(b"oops\n")


def compressed(visit: Visit) -> None:
    """A body that is not compressed as its header says."""
    visit.head(200, ("Content-Length", "5"), ("Content-Encoding", "gzip"))
    visit.send(b"oops\n")


def error_of(url: str) -> OllamaError:
    """The error of one generation there."""
    with OllamaClient(url, retries=0) as client, pytest.raises(OllamaError) as caught:
        list(client.generate({}))
    return caught.value


def checked(error: OllamaError, url: str, name: str) -> None:
    """The worker's own message has the address, that of the job has not."""
    outcome = outcome_of_error(error, JOB)

    assert url in str(error)
    assert isinstance(outcome, Failed | Retry)
    assert name not in outcome.error.message
    assert "http:" not in outcome.error.message
    assert outcome.error.message


@pytest.mark.parametrize("script", [cut, other_protocol, half, garbage, compressed])
def test_a_host_that_breaks_its_answer_is_not_named(script: Callable[[Visit], None]) -> None:
    """In whichever way it breaks it."""
    with ScriptedServer(script) as server:
        checked(error_of(server.url), server.url, "127.0.0.1")


def test_a_host_that_does_not_answer_is_not_named() -> None:
    """Its name does not resolve, or nothing listens there."""
    checked(error_of("http://no-such-host.invalid:1"), "http://no-such-host.invalid:1", "no-such-host")
    with socket.socket() as bound:  # keeps the port, and does not listen
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        checked(error_of(url), url, "127.0.0.1")


def test_a_name_in_a_certificate_is_not_told() -> None:
    """OpenSSL quotes the name that it looked for."""
    url = "https://gpu-7.lan:443"
    error = UntrustedCertificate(f"the certificate of {url} is not trusted: not valid for 'gpu-7.lan'; set the CA file")
    error.address = url

    checked(error, url, "gpu-7")

"""A host that is gone without a word: its kernel answers no more, which is told from a host that is only silent."""

import errno
import socket

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from api_client import (
    STALL_TIMEOUT_SECONDS,
    ConnectionLost,
    FirstByteTimeout,
    OllamaClient,
    OllamaError,
    StallTimeout,
    StreamCut,
)
from api_client.call import Call
from api_client.translation import translate_error
from tests.unit.api_client.scripted_server import ScriptedServer


class Exchange:
    """What the translation needs of one."""

    address = "http://h:1"
    silence_seconds = 60.0

    def __init__(self, *, answered: bool) -> None:
        self.call = Call()
        self.answered = answered

    def scrub(self, error: OllamaError) -> None:
        """It has no secrets."""


def read_error(of_the_kernel: bool) -> Exception:
    """What urllib3 makes of a read that has ended."""
    error = ReadTimeoutError(HTTPConnectionPool("h"), "/", "Read timed out.")
    error.__cause__ = (
        TimeoutError(errno.ETIMEDOUT, "Connection timed out") if of_the_kernel else TimeoutError("timed out")
    )
    return error


@pytest.mark.parametrize(
    ("error", "answered", "kind"),
    [
        (read_error(True), False, ConnectionLost),
        (read_error(True), True, StreamCut),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), True, StreamCut),
        (read_error(False), False, FirstByteTimeout),
        (read_error(False), True, StallTimeout),
    ],
)
def test_a_connection_that_the_kernel_gives_up_is_lost(
    error: Exception, answered: bool, kind: type[OllamaError]
) -> None:
    """It is no limit of the request that ran out: another attempt may follow, which a limit forbids."""
    found = translate_error(error, Exchange(answered=answered))
    assert type(found) is kind
    assert "http://h:1" in found.message


@pytest.mark.needs("Linux")
def test_the_kernel_asks_a_silent_host() -> None:
    """On each connection, well before a router forgets it, and it gives up a host that does not answer."""
    options = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    done = {"response": "", "done": True}
    with (
        ScriptedServer(lambda visit: visit.stream([done])) as server,
        OllamaClient(server.url) as client,
        client.generate({}) as stream,
    ):
        next(iter(stream))
        sock = stream.call.get_socket()
        assert sock is not None
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, each, count, given_up = (sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options)
    assert idle + each * count < STALL_TIMEOUT_SECONDS
    assert given_up == 1000 * (idle + each * count)

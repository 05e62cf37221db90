"""Sends webhooks to addresses that producers chose, without reaching into the worker's own network.

The name is resolved once, every address is checked, and the connection goes to a checked address. A second resolution
could give another address (DNS rebinding). No proxy, redirect, cookie or credential is used.
"""

import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from socket import IPPROTO_TCP, SHUT_RDWR, SOCK_STREAM, getaddrinfo, socket
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from api_client.final_response import FinalResponse
from llamaq.vocabulary.notify import is_public

ANSWER_SECONDS = 15.0
"""The limit of a connected call. A limit between two bytes would not end a receiver that sends one now and then."""
CONNECT_SECONDS = 5.0
MOST_ADDRESSES = 3
"""The addresses of one name that are tried, each for `CONNECT_SECONDS`."""
GONE = 410
Resolve = Callable[[str, int], Sequence[str]]


class WebhookError(Exception):
    """The message was not received; another try may help."""


class WebhookRefused(WebhookError):
    """The address is not allowed, or the receiver has answered 410. Another try does not help."""


def resolve_host(host: str, port: int) -> list[str]:
    """Resolve a name to its addresses, by the machine's resolver."""
    found = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private: bool = False,
    resolve: Resolve = resolve_host,
    tls: ssl.SSLContext | None = None,
    seconds: float = ANSWER_SECONDS,
) -> int:
    """Send one message; returns the status of the answer, which is a 2xx.

    Args:
        url: The receiver's URL, `http` or `https`.
        body: The message.
        headers: The headers beside `Host` and `Content-Length`.
        private: Whether private addresses are allowed.
        resolve: Gives a name's addresses.
        tls: Replaces the machine's own trusted authorities.
        seconds: The limit of the call, once it is connected.

    Raises:
        WebhookRefused: No address may be called, or the receiver answered 410.
        WebhookError: It could not be reached, was too slow, or answered with another status.
    """
    parts, host, port = _parse_url(url)
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise WebhookError(f"{host} cannot be resolved: {error}") from error
    # One address that is not public is enough to refuse: the owner of the name could make the others fail.
    if not addresses or not (private or all(is_public(address) for address in addresses)):
        raise WebhookRefused(f"{host} is not a public address (LLAMAQ_WEBHOOK_PRIVATE)")
    # The message goes only to the first address that accepts a connection: a second one could receive it again.
    status = _call(_connect(parts, host, addresses, port, tls), parts, body, headers, seconds)
    if status == GONE:
        raise WebhookRefused("the receiver answered 410: it wants no more")
    if not 200 <= status < 300:
        raise WebhookError(f"the receiver answered {status}")
    return status


def _parse_url(url: str) -> tuple[SplitResult, str, int]:
    # The exception's message is left out: it may quote the URL, which may hold a secret of the receiver.
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise WebhookRefused("its URL cannot be read") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WebhookRefused("its URL is neither http nor https")
    return parts, parts.hostname, port


def _connect(
    parts: SplitResult, host: str, addresses: Sequence[str], port: int, tls: ssl.SSLContext | None
) -> HTTPConnection:
    failures = []
    for address in addresses[:MOST_ADDRESSES]:
        connection = _make_connection(parts.scheme, host, address, port, tls)
        try:
            connection.connect()
        except (OSError, HTTPError) as error:
            failures.append(f"{type(error).__name__}: {error}")
            connection.close()
        else:
            return connection
    raise WebhookError(f"{host} cannot be reached: {failures[-1]}")


def _make_connection(scheme: str, host: str, address: str, port: int, tls: ssl.SSLContext | None) -> HTTPConnection:
    if scheme != "https":
        return HTTPConnection(address, port, timeout=CONNECT_SECONDS)
    # The certificate must be for the name, although the connection goes to an address.
    context = tls or ssl.create_default_context()
    return HTTPSConnection(address, port, timeout=CONNECT_SECONDS, ssl_context=context, server_hostname=host)


def _call(
    connection: HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str], seconds: float
) -> int:
    sock: socket = connection.sock
    connection.response_class = FinalResponse
    connection.timeout = seconds  # urllib3 sets the socket to it, twice in a call; until now it was that of connecting
    timed_out = threading.Event()
    timer = threading.Timer(seconds, _cut_connection, (sock, timed_out))
    timer.daemon = True
    timer.start()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, {"Host": parts.netloc, **headers}, preload_content=False)
        status = connection.getresponse().status
    except (OSError, HTTPError, HTTPException) as error:
        raise WebhookError(f"no answer: {type(error).__name__}: {error}") from error
    finally:
        timer.cancel()
        connection.close()
    if timed_out.is_set():  # http.client accepts headers that were cut
        raise WebhookError(f"no answer within {seconds:g} s")
    return status


def _cut_connection(sock: socket, timed_out: threading.Event) -> None:
    timed_out.set()
    with suppress(OSError):  # the connection may have ended meanwhile
        sock.shutdown(SHUT_RDWR)

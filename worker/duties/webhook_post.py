"""Sends webhooks to addresses that producers chose, without reaching into the worker's own network.

The name is resolved once, every address is checked, and the connection goes to a checked address. A second resolution
could give another address (DNS rebinding). No proxy, redirect, cookie or credential is used.
"""

import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import IPPROTO_TCP, SHUT_RDWR, SOCK_STREAM, getaddrinfo, socket
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

ANSWER_SECONDS = 15.0
"""For the whole of one call: a receiver that sends a byte now and then never meets a time-out between two bytes."""
CONNECT_SECONDS = 5.0
MOST_ADDRESSES = 3
"""Tried of one name, each for `CONNECT_SECONDS`."""
GONE = 410
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
# These hold an IPv4 address, for a gateway that may stand on the worker's own network.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))


class WebhookError(Exception):
    """The message was not received; another try may help."""


class WebhookRefused(WebhookError):
    """The address is not allowed, or the receiver wants no more messages. Another try does not help."""


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a name, as the machine's resolver has them."""
    found = getaddrinfo(host, port, type=SOCK_STREAM, proto=IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether the address is public: not of a private network, of this machine, or one with another inside."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped
        if inner is not None:
            return _public(inner)
        if (
            parsed.is_site_local
            or parsed.sixtofour
            or parsed.teredo
            or any(parsed in network for network in _TRANSLATED)
        ):
            return False
    return _public(parsed)


def _public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private: bool = False,
    resolve: Resolve = resolved,
    tls: ssl.SSLContext | None = None,
    seconds: float = ANSWER_SECONDS,
) -> int:
    """Send one message; the status of the answer, which is a 2xx.

    Args:
        url: Where to, `http` or `https`.
        body: What to send.
        headers: Beside `Host` and `Content-Length`.
        private: Also to addresses of one's own network.
        resolve: Gives a name's addresses.
        tls: Instead of the machine's own trusted authorities.
        seconds: For all of it but the name's resolution.

    Raises:
        WebhookRefused: No address may be called, or the receiver answered 410.
        WebhookError: It could not be reached, was too slow, or answered with another status.
    """
    parts, host, port = _taken_apart(url)
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise WebhookError(f"{host} cannot be resolved: {error}") from error
    # One address that is not public is enough: the owner of the name could make the others fail.
    if not addresses or not (private or all(is_public(address) for address in addresses)):
        raise WebhookRefused(f"{host} is not a public address (LLAMAQ_WEBHOOK_PRIVATE)")
    # The message goes to the first address that accepts a connection; a second one could deliver it twice.
    status = _call(_connected(parts, host, addresses, port, tls), parts, body, headers, seconds)
    if status == GONE:
        raise WebhookRefused("the receiver answered 410: it wants no more")
    if not 200 <= status < 300:
        raise WebhookError(f"the receiver answered {status}")
    return status


def _taken_apart(url: str) -> tuple[SplitResult, str, int]:
    # Without the exception's message: it may quote the URL, which may hold a secret of the receiver.
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise WebhookRefused("its URL cannot be read") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WebhookRefused("its URL is neither http nor https")
    return parts, parts.hostname, port


def _connected(
    parts: SplitResult, host: str, addresses: Sequence[str], port: int, tls: ssl.SSLContext | None
) -> HTTPConnection:
    failures = []
    for address in addresses[:MOST_ADDRESSES]:
        connection = _connection(parts.scheme, host, address, port, tls)
        try:
            connection.connect()
        except (OSError, HTTPError) as error:
            failures.append(f"{type(error).__name__}: {error}")
            connection.close()
        else:
            return connection
    raise WebhookError(f"{host} cannot be reached: {failures[-1]}")


def _connection(scheme: str, host: str, address: str, port: int, tls: ssl.SSLContext | None) -> HTTPConnection:
    if scheme != "https":
        return HTTPConnection(address, port, timeout=CONNECT_SECONDS)
    # The certificate must be of the name, although the connection goes to an address.
    context = tls or ssl.create_default_context()
    return HTTPSConnection(address, port, timeout=CONNECT_SECONDS, ssl_context=context, server_hostname=host)


def _call(
    connection: HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str], seconds: float
) -> int:
    line: socket = connection.sock
    line.settimeout(seconds)
    late = threading.Event()
    over = threading.Timer(seconds, _cut, (line, late))
    over.daemon = True
    over.start()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, {"Host": parts.netloc, **headers}, preload_content=False)
        status = connection.getresponse().status
    except (OSError, HTTPError, HTTPException) as error:
        raise WebhookError(f"no answer: {type(error).__name__}: {error}") from error
    finally:
        over.cancel()
        connection.close()
    if late.is_set():  # http.client takes headers that are cut for complete ones
        raise WebhookError(f"no answer within {seconds:g} s")
    return status


def _cut(line: socket, late: threading.Event) -> None:
    late.set()
    try:
        line.shutdown(SHUT_RDWR)
    except OSError:
        return  # it has ended meanwhile

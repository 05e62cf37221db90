"""The address of the Ollama host: its URL, from any form that Ollama accepts, and the name of the host."""

import ipaddress
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

PORT = 11434
_PORTS = {"http": 80, "https": 443}
MOST_PORT = 65_535
_LOCAL = "127.0.0.1"
_UNSPECIFIED = {"", "0.0.0.0", "::"}  # noqa: S104 - compared with, never bound
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOOPBACK = {_LOCAL, "localhost", "::1"}
_ENDPOINTS = re.compile(r"(?P<before>.*?)/(api|v1)(/.*)?", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._-]*")


def normalise_ollama_url(given: str) -> str:
    """Normalise the URL, with its port, as Ollama reads `OLLAMA_HOST`.

    That may be `ip`, `ip:port`, `:port`, an IPv6 address with or without brackets, a scheme alone, or a URL; in quotes
    and blanks too. Without a scheme the port is 11434, else that of the scheme. An address of a listener (`0.0.0.0`)
    becomes the loopback address.

    Raises:
        ValueError: it is none of these, or leads to one of Ollama's endpoints.
    """
    text = given.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", text)
    if text == "ollama.com":
        scheme, separator = "https", "://"
    if scheme not in _PORTS:
        raise ValueError("must look like http://host:port")
    if re.search(r"[\s?#\\]", rest):
        raise ValueError("it has a blank, `?`, `#` or a backslash: percent-encode odd characters of a password")
    place, slash, path = rest.partition("/")
    if "@" in path:
        raise ValueError("it has an `@` behind its `/`: percent-encode odd characters of a password")
    path = f"{slash}{path}".rstrip("/")
    if endpoint := _ENDPOINTS.fullmatch(path):
        ending = path[len(endpoint["before"]) :]
        raise ValueError(f"leave out `{ending}` at its end: llamaq adds the paths of Ollama's API itself")
    account, at, place = place.rpartition("@")
    host, port = _parse_host_and_port(place, _PORTS[scheme] if separator else PORT)
    return f"{scheme}://{account}{at}{host}:{port}{path}"


def _parse_host_and_port(place: str, default: int) -> tuple[str, int]:
    bare, bracket, after = place.removeprefix("[").partition("]") if place.startswith("[") else (place, "", "")
    try:
        address = ipaddress.IPv6Address(bare)
    except ValueError:
        if bracket:
            raise ValueError("what is in brackets must be an IPv6 address") from None
        host, _, port = place.lower().partition(":")
        if not _HOST.fullmatch(host):
            raise ValueError("must look like http://host:port") from None
    else:
        host, port = str(address), after.removeprefix(":")
    if host in _UNSPECIFIED:  # the address of a listener, to which nothing can connect
        host = _LOCAL
    number = int(port) if re.fullmatch("[0-9]{1,5}", port) else 0
    if port and not 1 <= number <= MOST_PORT:  # not quoted: it may be a part of a password
        raise ValueError("its port is no number from 1 to 65535; percent-encode odd characters of a password")
    return f"[{host}]" if ":" in host else host, number or default


def identity(of_url: str) -> str:
    """`<host>:<port>`, without user and password; this machine's name in place of a loopback address."""
    parts = urlsplit(of_url)
    host = parts.hostname or ""
    return f"{socket.gethostname() if host in _LOOPBACK else host}:{parts.port}"


def machine(of_url: str, host: str) -> str:
    """The id of this machine, where the URL has a loopback address, and the host its name; else an empty text.

    Where the operator has named the host (`LLAMAQ_HOST`), the text is empty: a tunnel to a shared host has a loopback
    address too. The id is that of the kernel's last start, which all containers of a machine share.
    """
    if urlsplit(of_url).hostname not in _LOOPBACK or host != identity(of_url):
        return ""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""

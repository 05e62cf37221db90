"""The address of the Ollama host: its URL, from any form that Ollama accepts, and the name of the host."""

import socket
from urllib.parse import urlsplit

PORT = 11434
_LOCAL = "127.0.0.1"
_UNSPECIFIED = {"0.0.0.0", "::"}  # noqa: S104 - compared with, never bound
_LOOPBACK = {_LOCAL, "localhost", "::1"}


def url(given: str) -> str:
    """The URL, with its port. `OLLAMA_HOST` may be `ip`, `ip:port`, `:port` or a URL.

    Raises:
        ValueError: it is none of these.
    """
    parts = urlsplit(given if "://" in given else f"http://{given}")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must look like http://host:port")
    try:
        port = parts.port
    except ValueError:  # urllib's message would quote what may be a part of a password
        raise ValueError("its port is not a number; percent-encode odd characters of a password") from None
    port = port or (443 if parts.scheme == "https" else 80 if "://" in given else PORT)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    host = parts.hostname or _LOCAL
    if host in _UNSPECIFIED:  # the address of a listener, to which nothing can connect
        host = _LOCAL
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{user}{shown}:{port}{parts.path.rstrip('/')}"


def identity(of_url: str) -> str:
    """`<host>:<port>`, without user and password; this machine's name in place of a loopback address."""
    parts = urlsplit(of_url)
    host = parts.hostname or ""
    return f"{socket.gethostname() if host in _LOOPBACK else host}:{parts.port}"

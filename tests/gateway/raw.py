"""A client that may break HTTP: bytes over a socket."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Raw:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, *parts: bytes) -> None:
        """Send parts as they are; the server may close meanwhile."""
        with suppress(ConnectionError):
            for part in parts:
                self.connection.sendall(part)

    def read_rest(self) -> bytes:
        """Read all that comes until the server closes; it fails where that takes 30 s."""
        found = b""
        with suppress(ConnectionError):
            while part := self.connection.recv(65_536):
                found += part
        return found

    def read_status(self) -> int:
        """Read the status of the first answer, once the server has closed."""
        rest = self.read_rest()
        return int(rest.split(b" ", 2)[1]) if rest else 0


@contextmanager
def connect(url: str) -> Iterator[Raw]:
    """Connect to a server."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        yield Raw(connection)

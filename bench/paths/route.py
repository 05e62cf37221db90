"""The interface of all paths, and the addresses that they get."""

from typing import NamedTuple, Protocol

from bench.readers.arrivals import Arrivals, First


class Addresses(NamedTuple):
    """The addresses of the services."""

    redis_url: str
    ollama_url: str
    model: str


class Path(Protocol):
    """One path. The text of a token is the time at which it was sent, in nanoseconds."""

    def __init__(self, addresses: Addresses) -> None: ...

    def first(self) -> First:
        """Ask for one answer, and read it to its end."""

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Ask for several answers at a time, and read all to their ends."""

    def close(self) -> None:
        """Close the connections."""

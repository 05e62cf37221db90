"""What each way has: where things are, and what it must be able to do."""

from typing import NamedTuple, Protocol

from bench.readers.arrivals import Arrivals, First


class Addresses(NamedTuple):
    """Where things are."""

    redis_url: str
    ollama_url: str
    model: str


class Path(Protocol):
    """One way. The text of a token is the time of its sending, in nanoseconds."""

    def __init__(self, addresses: Addresses) -> None: ...

    def first(self) -> First:
        """Ask for one answer, and take it to its end."""

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Ask for so many answers at a time, and take all of them to their ends."""

    def close(self) -> None:
        """Close the connections."""

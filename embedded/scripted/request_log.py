"""The request log of the scripted server: requests, concurrency, and clients that closed the connection."""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

# The bodies of so many last requests are kept. Counters are never cut.
_KEPT = 5000


@dataclass
class LoggedRequest:
    """One request. Times are `time.monotonic()`, which all processes of a Linux machine share."""

    number: int
    connection: int
    method: str
    path: str
    model: str
    body: str
    arrived_at: float
    started_at: float | None = None
    ended_at: float | None = None
    hung_up_at: float | None = None
    sent: int = 0


@dataclass
class RequestLog:
    """The whole log. `version` grows with every change but single tokens, so that a test can wait for a change."""

    version: int = 0
    arrived: int = 0
    in_flight: int = 0
    running: int = 0
    max_running: int = 0
    running_by_model: Counter[str] = field(default_factory=Counter)
    max_running_by_model: Counter[str] = field(default_factory=Counter)
    served_by_model: Counter[str] = field(default_factory=Counter)
    loading: Counter[str] = field(default_factory=Counter)
    loads: Counter[str] = field(default_factory=Counter)
    unloads: Counter[str] = field(default_factory=Counter)
    aborted_loads: Counter[str] = field(default_factory=Counter)
    disconnects: int = 0
    connections: int = 0
    requests: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_KEPT))
    held: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()

    def touch(self) -> None:
        """Count a change, and wake the waiting requests."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_newer_than(self, version: int) -> None:
        """Wait for a change since `version`."""
        while self.version <= version:
            await self._changed.wait()

    def add(self, connection: int, method: str, path: str, model: str, body: str) -> LoggedRequest:
        """Log a request."""
        self.arrived += 1
        self.in_flight += 1
        self.connections = max(self.connections, connection)
        entry = LoggedRequest(self.arrived, connection, method, path, model, body, time.monotonic())
        self.requests.append(entry)
        self.touch()
        return entry

    def start(self, entry: LoggedRequest, model: str) -> None:
        """Log that a request has a slot."""
        entry.started_at = time.monotonic()
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        self.running_by_model[model] += 1
        self.max_running_by_model[model] = max(self.max_running_by_model[model], self.running_by_model[model])
        self.touch()

    def stop(self, model: str, *, served: bool) -> None:
        """Log that a request has released its slot."""
        self.running -= 1
        self.running_by_model[model] -= 1
        self.served_by_model[model] += served
        self.touch()

    def hang_up(self, entry: LoggedRequest) -> None:
        """Log that the client closed the connection."""
        if entry.hung_up_at is None and entry.ended_at is None:
            entry.hung_up_at = time.monotonic()
            self.disconnects += 1
            self.touch()

    def end(self, entry: LoggedRequest) -> None:
        """Log the end of a request."""
        if entry.ended_at is None:
            entry.ended_at = time.monotonic()
            self.in_flight -= 1
            self.touch()

    def to_json(self, *, after: int | None) -> dict[str, Any]:
        """The log as JSON, with the requests only on demand: those behind a number. An idle host has thousands."""
        plain = {key: value for key, value in vars(self).items() if not key.startswith("_") and key != "requests"}
        if after is None:
            return plain
        newest_first = takewhile(lambda entry: entry.number > after, reversed(self.requests))
        return plain | {"requests": [vars(entry) for entry in newest_first][::-1]}

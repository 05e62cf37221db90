"""What the hosts themselves saw, kept over their deaths, and for how long a host had more requests than slots."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import GENERATING

SETTLE_SECONDS = 0.5
"""A client sees the end of an answer a little before its host does; so short an overlap means nothing."""


@dataclass(frozen=True)
class Request:
    """One request to a model, as its host saw it; times are the machine's monotonic seconds."""

    host: str
    model: str
    arrived_at: float
    ended_at: float


@dataclass(frozen=True)
class Window:
    """A time in which something held for a host."""

    host: str
    begin: float
    end: float

    def overlaps(self, other: "Window") -> bool:
        """Whether the two overlap."""
        return self.host == other.host and self.begin < other.end and other.begin < self.end


class HostObserver:
    """Reads the request logs of the hosts."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def take(self, host: str, ollama: ScriptedOllama, now: float) -> None:
        """Keep what a host saw so far, as it is about to end: what runs there now ends now."""
        entries = ollama.stats()["requests"]
        self.requests += [_request(host, entry, now) for entry in entries if entry["path"] in GENERATING]


def _request(host: str, entry: dict[str, Any], now: float) -> Request:
    ended = entry["hung_up_at"] or entry["ended_at"] or now
    return Request(host, entry["model"], entry["arrived_at"], ended)


def find_overfull_windows(requests: Iterable[Request], slots: int) -> list[Window]:
    """Find the times in which a host had more requests for one model than slots."""
    by_place: dict[tuple[str, str], list[Request]] = {}
    for request in requests:
        by_place.setdefault((request.host, request.model), []).append(request)
    return [
        window
        for (host, _), here in by_place.items()
        for window in _find_windows(host, here, slots)
        if window.end - window.begin > SETTLE_SECONDS
    ]


def _find_windows(host: str, requests: Sequence[Request], slots: int) -> list[Window]:
    changes = sorted(
        [(request.arrived_at, 1) for request in requests] + [(request.ended_at, -1) for request in requests]
    )
    windows: list[Window] = []
    running = 0
    for at, change in changes:
        if running > slots >= running + change:
            windows[-1] = Window(host, windows[-1].begin, at)
        elif running <= slots < running + change:
            windows.append(Window(host, at, at))
        running += change
    return windows

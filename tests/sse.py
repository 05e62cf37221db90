"""Reads Server-Sent Events as a browser does."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Frame(NamedTuple):
    """One event; comments are frames of the type `comment`, without an id."""

    id: str | None
    event: str
    data: str


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of a stream's lines, as they come."""
    about: dict[str, str] = {}
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Frame(about.get("id"), about.get("event", "message"), "\n".join(data))
            about, data = {}, []
        elif line.startswith(":"):
            yield Frame(None, "comment", line[1:].strip())
        else:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            else:
                about[name] = value


def logged(lines: Iterable[str]) -> list[Frame]:
    """The frames that are in the job's log: those with an id."""
    return [frame for frame in frames(lines) if frame.id is not None]

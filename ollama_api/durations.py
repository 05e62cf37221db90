"""Durations as Go's `time.ParseDuration` reads them."""

import re

from ollama_api.encoding import quote

FOREVER = -1
"""The `keep_alive` of a model that stays in memory. Ollama takes any negative number for it."""
_LONGEST_SECONDS = 2**63 / 1e9
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d*(?:\.\d*)?)([^\d.]*)", re.ASCII)


def parse_duration(text: str) -> float:
    """Parse a duration; returns seconds.

    Raises:
        ValueError: in Go's words.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    seconds, problem = 0.0, f"time: invalid duration {quote(text)}"
    if not rest:
        raise ValueError(problem)
    while rest:
        number, unit = _split_number(rest, problem)
        if not unit:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNIT_SECONDS:
            raise ValueError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        seconds += float(number) * _UNIT_SECONDS[unit]
        rest = rest[len(number) + len(unit) :]
    if seconds > _LONGEST_SECONDS:
        raise ValueError(problem)
    return -seconds if text.startswith("-") else seconds


def to_keep_alive(seconds: float) -> float | int:
    """Seconds as a job takes them: whole ones as such, and each negative one as `FOREVER`."""
    if seconds < 0 or seconds > _LONGEST_SECONDS / 2:
        return FOREVER
    return int(seconds) if float(seconds).is_integer() else seconds


def _split_number(rest: str, problem: str) -> tuple[str, str]:
    found = _PART.match(rest)
    if found is None or not found[1].strip("."):
        raise ValueError(problem)
    return found[1], found[2]

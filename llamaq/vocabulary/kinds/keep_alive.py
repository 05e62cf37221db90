"""`keep_alive` as Ollama reads it: a number of seconds, or a duration in Go's notation."""

import re

_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_SECONDS = re.compile(rf"[+-]?{_NUMBER}", re.ASCII)
_DURATION = re.compile(rf"[+-]?(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(rf"({_NUMBER})([a-zµμ]+)", re.ASCII)
_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST_SECONDS = 9.2e9
"""Ollama has nanoseconds in 64 bits."""
_LONGEST_TEXT = 100
USABLE = 'must be a number of seconds (-1 for ever) or a duration such as "5m" or "1h30m"'


def parse_keep_alive(given: str | float) -> str | int | float:
    """Parse the value as Ollama takes it. A number in a text becomes a number, because Ollama refuses the text.

    Raises:
        ValueError: Ollama would refuse it, or its counter overflow.
    """
    if isinstance(given, str) and len(given) <= _LONGEST_TEXT and _SECONDS.fullmatch(given):
        given = int(given) if given.lstrip("+-").isdecimal() else float(given)
    if abs(_parse_seconds(given)) > _LONGEST_SECONDS:
        raise ValueError(f"{USABLE}, up to 292 years")
    return given


def _parse_seconds(given: str | float) -> float:
    if not isinstance(given, str):
        return given
    if len(given) > _LONGEST_TEXT or not _DURATION.fullmatch(given):
        raise ValueError(f"{USABLE}, not {given[:40]!r}")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(given))

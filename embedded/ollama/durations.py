"""`keep_alive` as Ollama reads it: seconds, or a duration in Go's notation."""

import math
import re

from embedded.engine.interface import EngineError

_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+")


def keep_alive_seconds(value: object, default: float) -> float:
    """Seconds a model stays after its last request; infinity for any negative value.

    Raises:
        EngineError: 400, in Go's words.
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise EngineError(400, f"invalid type for keep_alive: {type(value).__name__}")
    seconds = _go_duration(value) if isinstance(value, str) else float(value)
    return math.inf if seconds < 0 else seconds


def _go_duration(text: str) -> float:
    if text.lstrip("+-") == "0":
        return 0.0
    if not _WHOLE.fullmatch(text):
        known = re.fullmatch(r"[+-]?[\d.]+", text)
        reason = "missing unit in duration" if known else "invalid duration"
        raise EngineError(400, f'time: {reason} "{text}"')
    total = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total

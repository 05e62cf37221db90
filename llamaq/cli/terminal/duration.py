"""Seconds and bytes as text for people."""

from datetime import datetime

from llamaq.store.clock import SYSTEM

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_SIZES = ("B", "kB", "MB", "GB")


def format_seconds(value: float) -> str:
    """Format a duration: `0.42 s`, `12 s`, `3 min`."""
    for size, unit in _UNITS:
        if value >= 2 * size:
            return f"{value / size:.0f} {unit}"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def format_size(value: float) -> str:
    """Format a number of bytes: `4.7 GB`, in powers of 1000 as in `ollama list`."""
    unit = 0
    while value >= 1000 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_SIZES[unit]}" if unit else f"{value:.0f} B"


def seconds_since(moment: datetime) -> float:
    """Seconds since a time; negative for one that is to come."""
    return SYSTEM.time() - moment.timestamp()

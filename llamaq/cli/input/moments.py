"""Times on the command line: an age or a delay, such as `90s`, `10min`, `2h` or `3d`; or a time in ISO 8601."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from llamaq.store.clock import SYSTEM

_DURATION = re.compile(r"(\d+(?:\.\d+)?) *(s|min|m|h|d)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_REMEDY = "give a duration (90s, 10min, 2h, 3d) or a time (2026-11-28T14:05)"


class Past(click.ParamType[datetime]):
    """A time that has been: an age, or a time, which is local without a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, with a zone."""
        try:
            found = _read(value)
            if isinstance(found, datetime):
                return found
            return datetime.fromtimestamp(SYSTEM.time(), UTC) - timedelta(seconds=found)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: {_REMEDY}", param, ctx)


class Future(click.ParamType["float | datetime"]):
    """A time that is to come: a delay, which becomes seconds, or a time, which is local without a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | datetime:
        """Seconds, or the time with a zone."""
        try:
            return _read(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: {_REMEDY}", param, ctx)


def _read(value: Any) -> float | datetime:
    if not isinstance(value, str):
        found: float | datetime = value
        return found
    if duration := _DURATION.fullmatch(value):
        return float(duration[1]) * _SECONDS[duration[2]]
    return datetime.fromisoformat(value).astimezone()

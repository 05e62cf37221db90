"""Times on the command line: an age or a delay, such as `90s`, `10min`, `2h` or `3d`; or a time in ISO 8601.

A time without a zone is local. The functions are callbacks of click's options.
"""

import re
from datetime import UTC, datetime, timedelta

import click

from llamaq.store.clock import SYSTEM

_DURATION = re.compile(r"(\d+(?:\.\d+)?) *(s|min|m|h|d)?", re.ASCII)
_SECONDS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}


def parse_past(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Parse a time that has been: an age, or a time; returns it with a zone."""
    found = parse_future(ctx, param, value)
    if found is None or isinstance(found, datetime):
        return found
    try:
        return datetime.fromtimestamp(SYSTEM.time(), UTC) - timedelta(seconds=found)
    except OverflowError:
        raise _time_error(ctx, param, value) from None


def parse_future(ctx: click.Context, param: click.Parameter, value: str | None) -> float | datetime | None:
    """Parse a time that is to come: a delay, which becomes seconds, or a time with a zone."""
    if value is None:
        return None
    if duration := _DURATION.fullmatch(value):
        return float(duration[1]) * _SECONDS[duration[2]]
    try:
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError):
        raise _time_error(ctx, param, value) from None


def _time_error(ctx: click.Context, param: click.Parameter, value: str | None) -> click.BadParameter:
    remedy = "give a duration (90s, 10min, 2h, 3d) or a time (2026-11-28T14:05)"
    return click.BadParameter(f"{value!r} is no time: {remedy}", ctx, param)

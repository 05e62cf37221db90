"""Warnings about the failing rounds of a loop, which are logged at once and then every 30 seconds."""

import logging

import structlog

from llamaq.invocation import command_line
from llamaq.store.clock import SYSTEM, Clock

AGAIN_SECONDS = 30.0
REMEDY = f"is Redis at LLAMAQ_REDIS_URL? `{command_line('worker check')}` names what is wrong"
_log = structlog.get_logger(__name__)


class ThrottledWarning:
    """The warning of one loop."""

    def __init__(self, what: str, clock: Clock = SYSTEM) -> None:
        self._what = what
        self._clock = clock
        self._logged_at: float | None = None

    def warn(self, error: Exception) -> None:
        """Log that a round failed: at the beginning of an outage with the remedy, then every 30 seconds."""
        now = self._clock.monotonic()
        if self._logged_at is None:
            _log.warning(self._what, error=str(error) or type(error).__name__, remedy=REMEDY)
        elif now - self._logged_at >= AGAIN_SECONDS:
            _log.warning(f"{self._what}; still so", error=str(error) or type(error).__name__)
        else:
            return
        self._logged_at = now

    def reset(self) -> None:
        """End the outage, after a round that succeeded."""
        self._logged_at = None


class ThrottledLine(logging.Filter):
    """Throttles one line of a library that logs each try. It is added to the library's logger."""

    def __init__(self, form: str, clock: Clock = SYSTEM) -> None:
        """`form` is the line as the library declares it, with the places of its arguments."""
        super().__init__()
        self._form = form
        self._clock = clock
        self._logged_at = -AGAIN_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        if record.msg != self._form:
            return True
        now = self._clock.monotonic()
        if now - self._logged_at < AGAIN_SECONDS:
            return False
        self._logged_at = now
        return True

"""What a loop says while Redis is away: at once, and then now and then, not at each of its rounds."""

import structlog

from llamaq.store.clock import SYSTEM, Clock

AGAIN_SECONDS = 30.0
REMEDY = "is Redis at LLAMAQ_REDIS_URL? `python -m worker check` names what is wrong"
_log = structlog.get_logger(__name__)


class ThrottledWarning:
    """One loop's. It begins anew once the loop has got through."""

    def __init__(self, what: str, clock: Clock = SYSTEM) -> None:
        self._what = what
        self._clock = clock
        self._said_at: float | None = None

    def make(self, error: Exception) -> None:
        """A round has failed: the first time of an outage it is told with the remedy, then every 30 seconds."""
        now = self._clock.monotonic()
        if self._said_at is None:
            _log.warning(self._what, error=str(error) or type(error).__name__, remedy=REMEDY)
        elif now - self._said_at >= AGAIN_SECONDS:
            _log.warning(f"{self._what}; still so", error=str(error) or type(error).__name__)
        else:
            return
        self._said_at = now

    def settle(self) -> None:
        """A round went well."""
        self._said_at = None

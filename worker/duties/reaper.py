"""Puts back the jobs of lost workers, every second; one of all workers leads."""

from collections.abc import Callable

import structlog

from llamaq.store.worker.job_store import JobStore, Rescued
from worker.duties.duty import Duty

ROUND_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Reaper(Duty):
    """The duty that takes part in rescue. Once it stops, another worker leads within seconds."""

    name = "reaper"
    when_redis_fails = "no rescue this time: Redis does not answer"

    def __init__(self, store: JobStore, rescued: Callable[[Rescued], None]) -> None:
        """Make it; `rescued` is called with what each round did that this worker led."""
        super().__init__()
        self._store = store
        self._rescued = rescued

    def round(self) -> float:
        """Take part in one round of rescue."""
        done = self._store.rescue()
        if done is not None and any(done):
            self._rescued(done)
            _log.info("rescued", **done._asdict())
        return ROUND_SECONDS

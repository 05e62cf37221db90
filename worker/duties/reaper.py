"""Requeues or ends the jobs of lost workers, every second. One worker of the fleet leads.

Before each round the leader sets damaged keys aside, because one of them would stop the round. A worker whose own round
has failed does the same, because the key that says who leads may be damaged.
"""

from collections.abc import Callable

import structlog

from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.job_store import JobStore
from worker.duties.duty import Duty

ROUND_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Reaper(Duty):
    """The duty that runs the reaper where this worker leads. After it stops, another worker leads within seconds."""

    name = "reaper"
    when_redis_fails = "no round of the reaper: Redis does not answer"

    def __init__(self, store: JobStore, reaped: Callable[[Reaped], None]) -> None:
        """`reaped` is called with the counts of each round that this worker led."""
        super().__init__()
        self._store = store
        self._reaped = reaped
        self._mends = True

    def round(self) -> float:
        """Run one round of the reaper, if this worker leads."""
        if self._mends and (damaged := self._store.mend()):
            _log.error("damaged keys were set aside: `python -m worker check` lists them", damaged=damaged)
        self._mends = True  # also where this round fails
        done = self._store.reap()
        self._mends = done is not None
        if done is not None and any(done):
            self._reaped(done)
            _log.info("reaped", **done._asdict())
            if done.newer:
                _log.warning("jobs of a newer producer wait: update the workers", jobs=done.newer)
        return ROUND_SECONDS

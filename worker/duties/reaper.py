"""Runs a round of rescue every second; of all workers, one leads."""

from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from llamaq.store.worker.job_store import JobStore, Rescued
from worker.duties.duty import Duty
from worker.telemetry.throttled_warning import ThrottledWarning

ROUND_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Reaper(Duty):
    """The thread that takes part in rescue; once it stops, another worker leads within seconds.

    `tell` is called with what each round did that this worker led.
    """

    def __init__(self, store: JobStore, tell: Callable[[Rescued], None]) -> None:
        self._store = store
        self._tell = tell
        self._complaint = ThrottledWarning("no rescue this time: Redis does not answer")
        super().__init__("rescue")

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            try:
                done = self._store.rescue()
            except (RedisError, OSError) as error:
                self._complaint.make(error)
                continue
            self._complaint.settle()
            if done is not None and any(done):
                self._tell(done)
                _log.info("rescued", **done._asdict())

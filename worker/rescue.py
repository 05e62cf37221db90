"""Runs a round of rescue every second; of all workers, one leads."""

import threading
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError

from tasks.store import JobStore, Rescued
from worker.complaint import Complaint

ROUND_SECONDS = 1.0
JOIN_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Rescue:
    """The thread that takes part in rescue; `tell` is called with what each round did that this worker led."""

    def __init__(self, store: JobStore, tell: Callable[[Rescued], None]) -> None:
        self._store = store
        self._tell = tell
        self._complaint = Complaint("no rescue this time: Redis does not answer")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llamaq-rescue", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take part no longer; another worker leads within seconds."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the thread's end, before its connections are closed under it."""
        self._thread.join(JOIN_SECONDS)

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

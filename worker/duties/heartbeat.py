"""Checks that this worker still consumes messages: its process may run while its consumer hangs.

Every few seconds the worker sends itself a Celery message over the broker. While they arrive, the liveness file is
touched. When Redis answers and they do not arrive, the worker ends itself, so that its supervisor starts another. While
Redis itself is away a new worker could do no better, and running jobs would be lost for nothing.
"""

import os
from pathlib import Path

import structlog
from celery import Celery
from celery.exceptions import CeleryError
from celery.worker import state
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from llamaq.store.clock import Clock
from llamaq.store.redis_client import Client
from worker.duties.duty import Duty

TASK = "llamaq.pulse"
BEAT_SECONDS = 5.0
DEAF_SECONDS = 30.0
"""Without an answer, while Redis is well, before the worker ends itself."""
LEFT_BEHIND_SECONDS = 120
EXIT_CODE = 1
_UNSENT = (CeleryError, KombuError, RedisError, OSError, AttributeError)
"""What sending may raise. kombu raises AttributeError where a connection is cut while it opens a channel."""
_log = structlog.get_logger(__name__)


class Heartbeat(Duty):
    """The duty that sends and checks them. It stops first: a worker that stops consuming in order is not stuck."""

    name = "heartbeat"

    def __init__(self, app: Celery, client: Client, queue: str, file: str, clock: Clock, grace_seconds: float) -> None:
        """Make it; `grace_seconds` are for an orderly end before the process is ended as it is."""
        super().__init__()
        self._app = app
        self._client = client
        self._queue = queue
        self._file = Path(file) if file else None
        self._clock = clock
        self._grace = grace_seconds
        self._received_at = clock.monotonic()

    def received(self) -> None:
        """A heartbeat has come through Celery to a thread of the pool."""
        self._received_at = self._clock.monotonic()
        self._touch()

    def age_seconds(self) -> float:
        """Since a heartbeat last came through; the time in which Redis was away does not count."""
        return self._clock.monotonic() - self._received_at

    def round(self) -> float:
        """Send a heartbeat, and end the worker when none has come through for too long."""
        if self.stopping.wait(BEAT_SECONDS):  # before the first one too: Celery is still starting
            return 0
        if not self._sent():
            # Redis is away: the time in which nothing can arrive does not count.
            self.received()
        elif self.age_seconds() > DEAF_SECONDS:
            self._end()
        return 0

    def _sent(self) -> bool:
        try:
            self._app.send_task(TASK, queue=self._queue, ignore_result=True, expires=LEFT_BEHIND_SECONDS)
            self._client.expire(self._queue, LEFT_BEHIND_SECONDS)  # a dead worker's list must not stay
        except _UNSENT:
            return False
        return True

    def _touch(self) -> None:
        if self._file is not None:
            self._file.touch()

    def _end(self) -> None:
        _log.critical("this worker no longer hears its messages, though Redis answers; it ends to be started anew")
        state.should_stop = EXIT_CODE
        # A consumer that hangs does not read the flag. Then the process ends as it is, and its jobs' leases lapse.
        if not self.stopping.wait(self._grace):
            os._exit(EXIT_CODE)

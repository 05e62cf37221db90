"""Checks that this worker still consumes messages: its process may run while its consumer hangs.

Every few seconds the worker sends itself a Celery message, the heartbeat. When it arrives, the worker touches its
liveness file, unless one of its duties is failing. When it does not arrive, another follows sooner. When Redis answers
and no heartbeat arrives, the worker exits, so that its process manager starts a new one. While Redis is away the worker
stays: a new one could not consume either, and the running jobs would be lost.
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
from llamaq.store.redis_errors import refuses
from worker.duties.duty import Duty
from worker.duties.health import Health

TASK = "llamaq.pulse"
BEAT_SECONDS = 10.0
AGAIN_SECONDS = 2.0
"""The pause before the first heartbeat, and after one that did not arrive, as where a damaged key lost it."""
MISSED_SECONDS = 30.0
"""The worker exits when no heartbeat has arrived for this long while Redis answers."""
QUEUE_TTL_SECONDS = 120
EXIT_CODE = 1
_UNSENT = (CeleryError, KombuError, RedisError, OSError, AttributeError)
"""The errors of sending. kombu raises AttributeError where a connection is cut while it opens a channel."""
_log = structlog.get_logger(__name__)


class Heartbeat(Duty):
    """The duty that sends and checks heartbeats. It stops at `quiet`, since the worker then stops consuming."""

    name = "heartbeat"

    def __init__(
        self, app: Celery, client: Client, queue: str, file: str, clock: Clock, health: Health, grace_seconds: float
    ) -> None:
        """`grace_seconds` is the time for an orderly end before the process exits at once."""
        super().__init__()
        self._app = app
        self._client = client
        self._queue = queue
        self._file = Path(file) if file else None
        self._clock = clock
        self._health = health
        self._grace = grace_seconds
        self._received_at = clock.monotonic()
        self._arrived = False

    def note_received(self) -> None:
        """Note that a heartbeat has reached a thread of Celery's pool."""
        self._received_at = self._clock.monotonic()
        self._arrived = True
        self._touch()

    def age_seconds(self) -> float:
        """Seconds since a heartbeat last arrived. The time in which Redis was away does not count."""
        return self._clock.monotonic() - self._received_at

    def run_round(self) -> float:
        """Send a heartbeat, and exit when none has arrived for too long.

        Raises:
            RedisError, KombuError: Redis refuses it, as to a user without the right. A new process would not help.
        """
        # Also before the first one, because Celery is still starting. Whether the last one has arrived is known after a
        # while only: right after it was sent, none has.
        first = min(AGAIN_SECONDS, BEAT_SECONDS)
        if self.stopping.wait(first) or (self._arrived and self.stopping.wait(BEAT_SECONDS - first)):
            return 0
        if not self._send():
            self._health.forget_failures()
            self.note_received()  # while Redis is away no heartbeat can arrive, so this time does not count
        elif self.age_seconds() > MISSED_SECONDS:
            self._exit()
        return 0

    def _send(self) -> bool:
        self._arrived = False
        try:
            self._app.send_task(TASK, queue=self._queue, ignore_result=True)
            self._client.expire(self._queue, QUEUE_TTL_SECONDS)  # the list of a dead worker must not stay
        except _UNSENT as error:
            if refuses(error):
                raise  # Redis is there, and would refuse the next one too: the duty fails, and the worker says so
            return False
        return True

    def _touch(self) -> None:
        if self._file is not None and not self._health.failing_duties():
            self._file.touch()

    def _exit(self) -> None:
        _log.critical("this worker receives no messages, though Redis answers; it exits to be started again")
        state.should_stop = EXIT_CODE
        # A consumer that hangs does not read the flag. Then the process exits at once, and its jobs' leases expire.
        if not self.stopping.wait(self._grace):
            os._exit(EXIT_CODE)

"""Aborts attempts when their jobs are cancelled. An attempt that misses the message is stopped at its next write.

A connection that has gone silent brings no message and raises no error. So it is pinged, and subscribed anew where no
answer comes. Jobs that were cancelled meanwhile are looked for then.
"""

from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from llamaq.store.clock import Clock
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.redis_errors import refuses
from llamaq.vocabulary.status import TERMINAL_STATES
from worker.duties.duty import Duty

LISTEN_SECONDS = 1.0
PING_SECONDS = 1.0
IDLE_PING_SECONDS = 30.0
"""While no attempt runs, no cancel can be missed; this often is enough for routers that forget a silent connection."""
SILENT_SECONDS = 3.0
"""A connection that has brought nothing for this long after a ping, not even its answer, is given up."""


class CancelChannel(Duty):
    """The duty that reads the host's cancel channel, and subscribes again after a lost or silent connection."""

    name = "cancel-channel"
    stops_at = "drain"
    when_redis_fails = "the cancel channel is lost; connecting again"
    retry_seconds = 0.5

    def __init__(
        self,
        client: Client,
        keys: Keys,
        host: str,
        cancel: Callable[[str], None],
        running: Callable[[], Sequence[str]],
        clock: Clock,
    ) -> None:
        """`cancel` is called with a job's id; `running` gives the ids of the jobs that run here."""
        super().__init__()
        self._client = client
        self._keys = keys
        self._channel = keys.control(host)
        self._cancel = cancel
        self._running = running
        self._clock = clock
        self._pubsub: Any = None
        self._pinged_at = 0.0
        self._waits_since: float | None = None

    def run_round(self) -> float:
        """Wait up to a second for one message."""
        try:
            self._listen(self._subscribe())
        except BaseException:
            self.finish()
            raise
        return 0

    def finish(self) -> None:
        """Close the subscription."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def _listen(self, pubsub: Any) -> None:
        now = self._clock.monotonic()
        if now - self._pinged_at >= (PING_SECONDS if self._running() else IDLE_PING_SECONDS):
            pubsub.ping()
            self._pinged_at = now
            self._waits_since = now if self._waits_since is None else self._waits_since
        try:
            message = pubsub.get_message(timeout=LISTEN_SECONDS)
        except ResponseError as error:
            if refuses(error):
                raise
            self._waits_since = None  # with a full disk Redis answers a ping with an error, and still brings messages
            return
        if message is not None:
            self._waits_since = None
            if message["type"] == "message":
                self._cancel(message["data"])
        elif self._waits_since is not None and self._clock.monotonic() - self._waits_since > SILENT_SECONDS:
            raise RedisConnectionError(f"the cancel channel has brought nothing for {SILENT_SECONDS:.0f} s")

    def _subscribe(self) -> Any:
        if self._pubsub is None:
            self._pubsub = self._client.pubsub()
            self._pubsub.subscribe(self._channel)
            self._pinged_at, self._waits_since = self._clock.monotonic(), None
            self._catch_up()
        return self._pubsub

    def _catch_up(self) -> None:
        ids = self._running()
        states = self._client.execute_all([["HGET", self._keys.record(job_id), "state"] for job_id in ids])
        for job_id, state in zip(ids, states, strict=True):
            if state in TERMINAL_STATES:
                self._cancel(job_id)

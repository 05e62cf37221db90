"""Aborts attempts when their jobs are cancelled. An attempt that misses the message is stopped at its next write."""

from collections.abc import Callable
from typing import Any

from llamaq.store.redis_client import Client
from worker.duties.duty import Duty

LISTEN_SECONDS = 0.5


class CancelChannel(Duty):
    """The duty that reads the host's cancel channel, and subscribes again after a lost connection."""

    name = "cancel-channel"
    stops_at = "drain"
    when_redis_fails = "the cancel channel is lost; connecting again"
    retry_seconds = 0.5

    def __init__(self, client: Client, channel: str, cancel: Callable[[str], None]) -> None:
        """`cancel` is called with a job's id."""
        super().__init__()
        self._client = client
        self._channel = channel
        self._cancel = cancel
        self._pubsub: Any = None

    def round(self) -> float:
        """Wait up to half a second for one message."""
        try:
            message = self._subscribed().get_message(timeout=LISTEN_SECONDS)
        except BaseException:
            self.finish()
            raise
        if message is not None:
            self._cancel(message["data"])
        return 0

    def finish(self) -> None:
        """Close the subscription."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def _subscribed(self) -> Any:
        if self._pubsub is None:
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
            self._pubsub.subscribe(self._channel)
        return self._pubsub

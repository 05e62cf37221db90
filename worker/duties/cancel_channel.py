"""Hears of cancelled jobs at once; one that it misses, the next write of the attempt learns of."""

import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from llamaq.store.connection import Client
from worker.telemetry.throttled_warning import ThrottledWarning

_PAUSE_SECONDS = 0.5


class CancelChannel:
    """Listens on the host's channel, over lost connections."""

    def __init__(self, client: Client, channel: str, cancel: Callable[[str], None]) -> None:
        self._client = client
        self._channel = channel
        self._cancel = cancel
        self._complaint = ThrottledWarning("the cancel channel is lost; connecting again")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="llamaq-control", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (RedisError, OSError) as error:
                self._complaint.make(error)
                self._stopping.wait(_PAUSE_SECONDS)

    def _listen(self) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(self._channel)
            self._complaint.settle()
            while not self._stopping.is_set():
                message = pubsub.get_message(timeout=0.5)
                if message is not None:
                    self._cancel(message["data"])

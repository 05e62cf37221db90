"""The plain reader of both queues: one connection that has subscribed to the channels of all its answers."""

import time
from collections.abc import Callable
from typing import Any

from bench.readers.arrivals import Arrivals, First, first_stamp
from llamaq.store.connection import connect

PATIENCE_SECONDS = 60.0
ENDED = None
"""What `read` makes of an answer's last message."""


class Listener:
    """Reads what is published. `read` gives a message's text, "" for one without, or `ENDED`."""

    def __init__(self, redis_url: str, read: Callable[[str], str | None]) -> None:
        self._read = read
        self._redis: Any = connect(redis_url)
        self._pubsub: Any = self._redis.pubsub()

    def first(self, channel: str, submit: Callable[[], None]) -> First:
        """Subscribe, submit, and follow one answer."""
        asked = time.time_ns()
        self.subscribe([channel])
        submit()
        submitted = time.time_ns()
        text = self._text()
        while not text:
            text = self._text()
        received = time.time_ns()
        while self._text() is not ENDED:
            pass
        self._pubsub.unsubscribe(channel)
        self._confirmed(1)
        return First(asked, submitted, first_stamp(text), received)

    def subscribe(self, channels: list[str]) -> None:
        """Begin to listen, and wait until Redis confirms."""
        self._pubsub.subscribe(*channels)
        self._confirmed(len(channels))

    def follow(self, answers: int, arrivals: Arrivals) -> None:
        """Listen until so many answers have ended."""
        while answers:
            text = self._text()
            if text is ENDED:
                answers -= 1
            elif text:
                arrivals.take(text)

    def close(self) -> None:
        """Close the connection."""
        self._pubsub.close()
        self._redis.close()

    def _text(self) -> str | None:
        message = self._pubsub.get_message(timeout=PATIENCE_SECONDS)
        if message is None:
            raise TimeoutError("an answer did not come to its end: tokens were lost, or the worker has ended")
        return self._read(message["data"])

    def _confirmed(self, number: int) -> None:
        for _ in range(number):
            self._pubsub.get_message(timeout=PATIENCE_SECONDS)

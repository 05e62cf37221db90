"""The plain reader of both queues: one connection subscribes to the channels of all answers."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Thread
from typing import Any

from bench.readers.arrivals import Arrivals, First, first_stamp
from llamaq.store.connections.clients import connect

MAX_WAIT_SECONDS = 60.0
ENDED = None
"""`read` returns it for an answer's last message."""


class Subscriber:
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
        """Subscribe, and wait until Redis confirms."""
        self._pubsub.subscribe(*channels)
        self._confirmed(len(channels))

    def follow(self, answers: int, arrivals: Arrivals) -> None:
        """Read until so many answers have ended."""
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
        message = self._pubsub.get_message(timeout=MAX_WAIT_SECONDS)
        if message is None:
            raise TimeoutError("an answer did not come to its end: tokens were lost, or the worker has ended")
        return self._read(message["data"])

    def _confirmed(self, number: int) -> None:
        for _ in range(number):
            self._pubsub.get_message(timeout=MAX_WAIT_SECONDS)


class SubscribedPath(ABC):
    """A path whose consumer subscribes to an answer's channel before the answer is asked for."""

    def __init__(self, redis_url: str, read: Callable[[str], str | None]) -> None:
        self._subscriber = Subscriber(redis_url, read)

    @abstractmethod
    def channel(self, answer_id: str) -> str:
        """The channel of an answer."""

    @abstractmethod
    def submit(self, answer_id: str) -> None:
        """Ask for an answer."""

    def first(self) -> First:
        """Ask for one answer, and read it to its end."""
        answer_id = str(uuid.uuid4())
        return self._subscriber.first(self.channel(answer_id), lambda: self.submit(answer_id))

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Ask for many answers: one thread submits, another reads."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self._subscriber.subscribe([self.channel(answer_id) for answer_id in ids])
        sender = Thread(target=lambda: [self.submit(answer_id) for answer_id in ids])
        sender.start()
        self._subscriber.follow(count, arrivals)
        sender.join()

    def close(self) -> None:
        """Close the connections."""
        self._subscriber.close()

# Generated from ../aio/pipeline.py by `python3 run.py generate`: change that file instead.
"""Runs scripts in batches: the next batch is packed and sent while Redis works on the one before.

One connection keeps the batches in their order. Where it is lost, or an answer needs a further call, no more are sent
ahead, and each is then run by itself.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Self

from redis.exceptions import RedisError

from llamaq.client.blocking import io
from llamaq.store.answers import Answer
from llamaq.store.connections.retries import require_master
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import drive_steps
from llamaq.store.script_runs import Call, Command, Reply, Steps, begin_steps, is_final


class Pipeline:
    """Takes batches, and gives their answers in the same order. For one thread or task."""

    def __init__(self, client: Client, call_seconds: float) -> None:
        self._client = client
        self._call_seconds = call_seconds
        self._ahead = client.sends_ahead
        self._connection: Any = None  # redis-py's, which has no types
        self._pending: deque[tuple[Steps[list[Answer | Exception]], Sequence[Command]]] = deque()
        self._sent = 0
        """How many batches of `_pending` were sent over the connection, and are to be received."""
        self._early: deque[list[Reply]] = deque()
        """Of the first batches in `_pending`, what was received before they ended; nothing where that failed."""

    def begin(self, calls: Sequence[Call]) -> None:
        """Send a batch. One that cannot be sent now is sent when its answers are asked for."""
        self._pending.append(begin_steps(calls))
        if not self._ahead:
            return
        try:
            with io.time_limit(self._client.try_seconds):
                self._connection = self._client.send(self._pending[-1][1], self._connection)
            self._sent += 1
        except RedisError:
            self._forget()  # `send` has closed the connection

    def end(self) -> list[Answer | Exception]:
        """The answers or errors of the first batch that has not ended, in the order of its calls.

        Raises:
            RedisError: Redis does not answer.
        """
        steps, commands = self._pending.popleft()
        with io.time_limit(self._call_seconds):
            replies = self._early.popleft() if self._early else self._receive(commands)
            replies = replies or self._client.execute_all(commands)
            if not all(map(is_final, replies)):
                self._ahead = False
                self.release()
            return drive_steps(self._client, steps, replies)

    def release(self) -> None:
        """Give the connection back, so that other calls can have it: what was sent is received first."""
        while self._sent:
            _, commands = self._pending[len(self._early)]
            self._early.append(self._receive(commands))
        if self._connection is not None:
            self._client.give_back(self._connection)
            self._connection = None

    def _receive(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies; none where they cannot come, because the batch was not sent or its connection is lost."""
        if not self._sent:
            return []
        self._sent -= 1
        try:
            with io.time_limit(self._client.try_seconds):
                return require_master(self._client.receive(self._connection, commands))
        except RedisError:
            self._stop()
            return []

    def _stop(self) -> None:
        """Send no more ahead: what was sent and is not answered is sent again when it ends."""
        connection = self._connection
        self._forget()
        if connection is not None:
            self._client.give_back(connection, lost=True)

    def _forget(self) -> None:
        self._ahead, self._sent, self._connection = False, 0, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind or self._sent:  # a signal's handler may have raised in the middle of a step
            self._stop()
        else:
            self.release()

"""The tutorial's task of other task queues. Their producers run here, with the packages of their venvs behind ours."""

import asyncio
import sys
from importlib import import_module
from typing import Any

from bench.environment.venvs import PACKAGES, install
from bench.paths.route import Addresses
from bench.paths.subscribed import SubscribedPath


class _Peer(SubscribedPath):
    """A task that publishes its tokens as `bench.environment.naive_task` does."""

    NAME: str

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(addresses.redis_url, lambda message: None if message == "[DONE]" else message)
        self._model = addresses.model
        for folder in (install(*PACKAGES[self.NAME]).parents[1] / "lib").glob("python*/site-packages"):
            sys.path.append(str(folder))

    def channel(self, answer_id: str) -> str:
        """The channel of a task's tokens."""
        return f"tokens:{answer_id}"


class Taskiq(_Peer):
    """`kiq`, awaited."""

    NAME = "taskiq"

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(addresses)
        self._loop = asyncio.new_event_loop()
        self._broker: Any = import_module("taskiq_redis").ListQueueBroker(addresses.redis_url)
        self._task = self._broker.register_task(lambda *_: None, task_name="generate")
        self._loop.run_until_complete(self._broker.startup())

    def submit(self, answer_id: str) -> None:
        """Send a task."""
        self._loop.run_until_complete(self._task.kiq(answer_id, self._model, "go"))

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._loop.run_until_complete(self._broker.shutdown())
        self._loop.close()


class Dramatiq(_Peer):
    """`send`."""

    NAME = "dramatiq"

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(addresses)
        self._broker: Any = import_module("dramatiq.brokers.redis").RedisBroker(url=addresses.redis_url)
        self._actor = import_module("dramatiq").actor(lambda *_: None, actor_name="generate", broker=self._broker)

    def submit(self, answer_id: str) -> None:
        """Send a message."""
        self._actor.send(answer_id, self._model, "go")

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._broker.close()

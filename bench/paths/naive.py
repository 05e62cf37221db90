"""The tutorial's task, with a consumer that subscribes to the task's channel before the task is sent."""

from bench.environment.naive_task import END, channel
from bench.environment.services import make_producer
from bench.paths.route import Addresses
from bench.paths.subscribed import SubscribedPath


class Naive(SubscribedPath):
    """`send_task`, and pub/sub."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(addresses.redis_url, lambda message: None if message == END else message)
        self._model = addresses.model
        self._app = make_producer(addresses.redis_url)

    def channel(self, answer_id: str) -> str:
        """The channel of a task's tokens."""
        return channel(answer_id)

    def submit(self, answer_id: str) -> None:
        """Send a task."""
        self._app.send_task("naive.generate", args=[self._model, "go"], task_id=answer_id)

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._app.close()

"""The tutorial's task, and a consumer that has subscribed to its channel before the task is sent."""

import uuid
from threading import Thread

from bench.environment.naive_task import END, channel
from bench.environment.services import producer
from bench.paths.listening import Listener
from bench.paths.route import Addresses
from bench.readers.arrivals import Arrivals, First


class Naive:
    """`send_task`, and pub/sub."""

    def __init__(self, addresses: Addresses) -> None:
        self._model = addresses.model
        self._app = producer(addresses.redis_url)
        self._listener = Listener(addresses.redis_url, lambda message: None if message == END else message)

    def first(self) -> First:
        """One task."""
        task_id = str(uuid.uuid4())
        return self._listener.first(channel(task_id), lambda: self._send(task_id))

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Many tasks, sent by one thread while another listens."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self._listener.subscribe([channel(task_id) for task_id in ids])
        sender = Thread(target=self._send_all, args=[ids])
        sender.start()
        self._listener.follow(count, arrivals)
        sender.join()

    def close(self) -> None:
        """Close the connections."""
        self._listener.close()
        self._app.close()

    def _send_all(self, ids: list[str]) -> None:
        for task_id in ids:
            self._send(task_id)

    def _send(self, task_id: str) -> None:
        self._app.send_task("naive.generate", args=[self._model, "go"], task_id=task_id)

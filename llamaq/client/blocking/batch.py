"""Many jobs, a few at a time, for the blocking client: a thread for each job on its way."""

import threading
from collections.abc import Generator
from queue import SimpleQueue
from typing import Any

from llamaq.client.batches import LOOK_SECONDS, BatchResult, Item, Window, ended, refused
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.producer import Producer
from llamaq.vocabulary.errors import InvalidRequest, JobError, QueueFull, UnknownModel


def run(producer: Producer, window: Window) -> Generator[BatchResult, None, None]:
    """Start the items, and tell their ends. Leaving early cancels nothing: the jobs that were started go on.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    threads = _Threads(producer)
    try:
        for item in window.start():
            threads.take(item)
        while window.open:
            item, result = threads.next()
            yield from window.end(item, result)
            for following in window.start():
                threads.take(following)
    finally:
        threads.leave()


class _Threads:
    """The threads. They are daemons, so that a program that is left does not wait for a model to end its answer."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._left = threading.Event()
        self._ends: SimpleQueue[tuple[Item, BatchResult | Exception]] = SimpleQueue()

    def take(self, item: Item) -> None:
        """Start the item."""
        threading.Thread(target=self._work, args=(item,), name=f"llamaq-{item.custom_id}", daemon=True).start()

    def next(self) -> tuple[Item, BatchResult]:
        """Wait for the next end, whosever it is. Raises what no other item would escape either."""
        item, how = self._ends.get()
        if isinstance(how, Exception):
            raise how
        return item, how

    def leave(self) -> None:
        """Nobody wants the rest."""
        self._left.set()

    def _work(self, item: Item) -> None:
        try:
            result = self._end(item)
        except Exception as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
            self._ends.put((item, error))
        else:
            if result is not None:
                self._ends.put((item, result))

    def _end(self, item: Item) -> BatchResult | None:
        try:
            job = self._submitted(item)
        except (InvalidRequest, UnknownModel) as error:
            return refused(item, error)
        while job is not None and not self._left.is_set():
            try:
                return ended(item, job.id, job.result(LOOK_SECONDS))
            except TimeoutError:
                continue
            except JobError as error:
                return ended(item, job.id, error)
        return None

    def _submitted(self, item: Item) -> Job[Any] | None:
        while not self._left.is_set():
            try:
                return self._producer.submit(item.request)
            except QueueFull as full:
                self._left.wait(full.retry_after)
        return None

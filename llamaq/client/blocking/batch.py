"""Batches for the blocking client: a thread for each item in flight."""

import math
import threading
from collections.abc import Generator
from queue import SimpleQueue
from typing import Any

from llamaq.client.batches import POLL_SECONDS, BatchResult, Item, Window, ended, refused
from llamaq.client.blocking.extraction_job import typed
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.producer import Producer
from llamaq.client.blocking.waiting import next_item
from llamaq.vocabulary.errors import InvalidRequest, JobError, QueueFull, UnknownModel


def run(producer: Producer, window: Window) -> Generator[BatchResult, None, None]:
    """Start the items, and give their results. Ending the iteration cancels nothing: started jobs go on.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    threads = _Threads(producer)
    try:
        for item in window.start():
            threads.start(item)
        while window.open:
            item, result = threads.next()
            yield from window.end(item, result)
            for another in window.start():
                threads.start(another)
    finally:
        threads.stop()


class _Threads:
    """The threads. They are daemons, so that the program can exit before a model has ended its answer."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._stopped = threading.Event()
        self._ends: SimpleQueue[tuple[Item, BatchResult | BaseException]] = SimpleQueue()

    def start(self, item: Item) -> None:
        """Start the item."""
        threading.Thread(target=self._work, args=(item,), name=f"llamaq-{item.custom_id}", daemon=True).start()

    def next(self) -> tuple[Item, BatchResult]:
        """Wait for the next result of any item. Raises the errors that concern all items."""
        item, outcome = next_item(self._ends, math.inf)
        if isinstance(outcome, BaseException):
            raise outcome
        return item, outcome

    def stop(self) -> None:
        """End the threads, because the caller wants no more results."""
        self._stopped.set()

    def _work(self, item: Item) -> None:
        try:
            result = self._end(item)
        except BaseException as error:  # noqa: BLE001 - `next` raises it in the caller's thread
            self._ends.put((item, error))
        else:
            if result is not None:
                self._ends.put((item, result))

    def _end(self, item: Item) -> BatchResult | None:
        try:
            job = self._submitted(item)
        except (InvalidRequest, UnknownModel) as error:
            return refused(item, error)
        while job is not None and not self._stopped.is_set():
            try:
                return ended(item, job.id, job.result(POLL_SECONDS))
            except TimeoutError:
                continue
            except JobError as error:
                return ended(item, job.id, error)
        return None

    def _submitted(self, item: Item) -> Job[Any] | None:
        while not self._stopped.is_set():
            try:
                job = self._producer.submit(item.request)
                return job if item.target is None else typed(self._producer, job, item.target, item.request)
            except QueueFull as full:
                self._stopped.wait(full.retry_after)
        return None

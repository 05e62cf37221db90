"""Batches for the blocking client: a thread for each item in flight."""

import math
import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import TypeVar

from llamaq.client.batches import POLL_SECONDS, BatchResult, Item, Window, make_refused_result, make_result
from llamaq.client.blocking.extraction_job import ExtractionJob, bind_type
from llamaq.client.blocking.interruptible import next_item
from llamaq.client.blocking.producer import Producer
from llamaq.vocabulary.errors import InvalidRequest, JobError, QueueFull, UnknownModel

T = TypeVar("T")


def run(producer: Producer, window: Window) -> Generator[BatchResult, None, None]:
    """Start the items, and give their results. Ending the iteration cancels nothing: started jobs go on.

    Raises:
        BrokerUnavailable: Redis did not answer.
    """
    threads = _Threads(producer)
    try:
        for item in window.start():
            threads.start(item)
        while window.is_open:
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
            self._ends.put((item, self._run_item(item)))
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - `next` raises it in the caller's thread
            self._ends.put((item, error))

    def _run_item(self, item: Item) -> BatchResult:
        try:
            job = self._retry_when_full(lambda: self._producer.submit(item.request))
        except (InvalidRequest, UnknownModel) as error:
            return make_refused_result(item, error)
        try:
            extraction = job if item.target is None else bind_type(self._producer, job, item.target, item.request)
            if isinstance(extraction, ExtractionJob):  # a TimeoutError of its validators is no reason to wait on
                return make_result(item, job.id, extraction.check_type(self._wait_for(extraction.unchecked_result)))
            return make_result(item, job.id, self._wait_for(job.result))
        except JobError as error:
            return make_result(item, job.id, error)
        except UnknownModel as error:  # of a further job
            return make_refused_result(item, error, job.id)

    def _wait_for(self, result: Callable[[float], T]) -> T:
        while True:
            try:
                return self._retry_when_full(lambda: result(POLL_SECONDS))
            except TimeoutError:
                continue

    def _retry_when_full(self, verb: Callable[[], T]) -> T:
        """What the verb returns, as soon as the queue is not full."""
        while not self._stopped.is_set():
            try:
                return verb()
            except QueueFull as full:
                self._stopped.wait(full.retry_after)
        raise _Stopped


class _Stopped(Exception):
    """The caller wants no more results."""

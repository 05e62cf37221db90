"""llamaq with its SDK: `JobQueue.generate`, and the job's events."""

import time

from bench.paths.route import Addresses
from bench.readers.arrivals import Arrivals, First, first_stamp
from bench.readers.threads import run_in_threads
from llamaq import JobQueue
from llamaq.vocabulary.events import Completed, Delta


class Sdk:
    """One thread and one subscription for an answer."""

    def __init__(self, addresses: Addresses) -> None:
        self._model = addresses.model
        self._queue = JobQueue(addresses.redis_url)

    def first(self) -> First:
        """Run one job."""
        asked = time.time_ns()
        job = self._queue.generate(self._model, "go")
        submitted = time.time_ns()
        sent = received = 0
        for event in job.events():
            if isinstance(event, Delta) and event.text and not received:
                sent, received = first_stamp(event.text), time.time_ns()
        return First(asked, submitted, sent, received)

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Use one thread for each answer."""
        run_in_threads(count, lambda: self._follow(arrivals))

    def close(self) -> None:
        """Close the connections."""
        self._queue.close()

    def _follow(self, arrivals: Arrivals) -> None:
        for event in self._queue.generate(self._model, "go").events():
            if isinstance(event, Delta) and event.text:
                arrivals.take(event.text)
            elif event.terminal and not isinstance(event, Completed):
                raise RuntimeError(f"a job did not complete: {event}")

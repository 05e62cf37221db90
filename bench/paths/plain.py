"""llamaq, read as the tutorial's task is: by one connection that has subscribed to the logs' channels."""

import json
import uuid
from threading import Thread

from bench.paths.listening import ENDED, Listener
from bench.paths.route import Addresses
from bench.readers.arrivals import Arrivals, First
from llamaq import GenerateRequest, JobQueue
from llamaq.store.keys import Keys
from llamaq.vocabulary.status import TERMINAL_STATES


class Plain:
    """`JobQueue.submit`, and pub/sub without the SDK's reader."""

    def __init__(self, addresses: Addresses) -> None:
        self._request = GenerateRequest(model=addresses.model, prompt="go")
        self._queue = JobQueue(addresses.redis_url)
        self._keys = Keys("llamaq")
        self._listener = Listener(addresses.redis_url, _text)

    def first(self) -> First:
        """One job."""
        job_id = str(uuid.uuid4())
        return self._listener.first(self._keys.events(job_id), lambda: self._submit(job_id))

    def stream(self, count: int, arrivals: Arrivals) -> None:
        """Many jobs, submitted by one thread while another listens."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        self._listener.subscribe([self._keys.events(job_id) for job_id in ids])
        sender = Thread(target=self._submit_all, args=[ids])
        sender.start()
        self._listener.follow(count, arrivals)
        sender.join()

    def close(self) -> None:
        """Close the connections."""
        self._listener.close()
        self._queue.close()

    def _submit_all(self, ids: list[str]) -> None:
        for job_id in ids:
            self._submit(job_id)

    def _submit(self, job_id: str) -> None:
        self._queue.submit(self._request, job_id=job_id)


def _text(message: str) -> str | None:
    event = json.loads(message.partition(" ")[2])
    if event["type"] in TERMINAL_STATES:
        if event["type"] != "completed":
            raise RuntimeError(f"a job did not complete: {event}")
        return ENDED
    return str(event["text"]) if event["type"] == "delta" else ""

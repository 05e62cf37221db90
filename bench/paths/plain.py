"""llamaq, read like the tutorial's task: one connection subscribes to the channels of the event logs."""

import json

from bench.paths.route import Addresses
from bench.paths.subscribed import ENDED, SubscribedPath
from llamaq import GenerateRequest, JobQueue
from llamaq.store.keys import Keys
from llamaq.vocabulary.status import TERMINAL_STATES


class Plain(SubscribedPath):
    """`JobQueue.submit`, and pub/sub without the SDK's reader."""

    def __init__(self, addresses: Addresses) -> None:
        super().__init__(addresses.redis_url, _text)
        self._request = GenerateRequest(model=addresses.model, prompt="go")
        self._queue = JobQueue(addresses.redis_url)
        self._keys = Keys("llamaq")

    def channel(self, answer_id: str) -> str:
        """The channel of a job's event log."""
        return self._keys.events(answer_id)

    def submit(self, answer_id: str) -> None:
        """Submit a job."""
        self._queue.submit(self._request, job_id=answer_id)

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._queue.close()


def _text(message: str) -> str | None:
    event = json.loads(message.partition(" ")[2])
    if event["type"] in TERMINAL_STATES:
        if event["type"] != "completed":
            raise RuntimeError(f"a job did not complete: {event}")
        return ENDED
    return str(event["text"]) if event["type"] == "delta" else ""

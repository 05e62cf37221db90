"""pull: a model from its registry onto the host's disk, told of as it comes."""

from dataclasses import dataclass, field
from typing import Any

from api_client import Chunk
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.pull import PullRequest
from tasks.attempt.ollama_request import Reply
from tasks.attempt.result import completed
from tasks.attempt.services import Services

TELL_SECONDS = 0.5
"""Ollama tells many times a second; readers are told at most so often, and when something else begins."""


@dataclass(slots=True)
class Layers:
    """What is known of a pull: bytes of each layer, those that are there and all, and what goes on."""

    status: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    got: dict[str, int] = field(default_factory=dict)

    def note(self, chunk: Chunk) -> bool:
        """Take in one line of Ollama's; whether something else goes on now."""
        before, self.status = self.status, str(chunk.get("status", ""))
        layer, size, got = chunk.get("digest"), chunk.get("total"), chunk.get("completed", 0)
        if isinstance(layer, str) and isinstance(size, int) and isinstance(got, int):
            self.sizes[layer] = size
            self.got[layer] = max(got, self.got.get(layer, 0))
        return self.status != before

    def numbers(self) -> dict[str, Any]:
        """The fields of a `progress` event; bytes, where a layer is known."""
        bytes_known = {"completed": sum(self.got.values()), "total": sum(self.sizes.values())} if self.sizes else {}
        return {"status": self.status, **bytes_known}


def pull(job: ClaimedJob, services: Services, request: PullRequest) -> Outcome:
    """Run a pull. Cut, it is taken up by the next one where it stopped: Ollama keeps what has come."""
    layers, told_at = Layers(), float("-inf")
    stream = services.ollama.pull(request.model, stall_timeout_seconds=request.stall_after)
    with services.attempt.during(stream), stream:
        for chunk in stream:
            if layers.note(chunk) or services.elapsed() - told_at >= TELL_SECONDS:
                told_at = services.elapsed()
                services.events.progress("pulling", **layers.numbers())
    found = {"pulled": request.model, "size": sum(layers.sizes.values()) or None}
    return completed(job, services, [Reply()], found)

"""pull: a model from its registry onto the host's disk, with its progress as events."""

from dataclasses import dataclass, field
from typing import Any

from api_client import Chunk
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.pull import PullRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import Reply
from tasks.attempt.result import build_completed

PROGRESS_SECONDS = 0.5
"""Ollama reports many times a second. An event is written after this time, and when the status changes."""


@dataclass(slots=True)
class Layers:
    """The progress of a pull: its status, the layer it is about, and the size and the received bytes of each layer."""

    status: str = ""
    layer: str | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)

    def read(self, chunk: Chunk) -> bool:
        """Read one chunk; returns whether the status has changed."""
        before, self.status = self.status, chunk.get("status") or ""
        self.layer, size, got = chunk.get("digest"), chunk.get("total"), chunk.get("completed") or 0
        if self.layer is not None and size is not None:
            self.sizes[self.layer] = size
            self.received[self.layer] = max(got, self.received.get(self.layer, 0))
        return self.status != before

    def numbers(self) -> dict[str, Any]:
        """The fields of a `progress` event. It has bytes only after a layer is known."""
        found: dict[str, Any] = {"status": self.status}
        if self.sizes:
            found |= {"completed": sum(self.received.values()), "total": sum(self.sizes.values())}
        if self.layer in self.sizes:
            found["layer"] = {
                "digest": self.layer,
                "completed": self.received[self.layer],
                "total": self.sizes[self.layer],
            }
        return found


def pull(job: ClaimedJob, context: AttemptContext, request: PullRequest) -> Outcome:
    """Run a pull. After an interruption the next pull continues, because Ollama keeps the received bytes."""
    layers, written_at = Layers(), float("-inf")
    stream = context.ollama.pull(context.own_name(request.model), stall_timeout_seconds=request.stall_after)
    with context.attempt.track_call(stream), stream:
        for chunk in stream:
            if layers.read(chunk) or context.elapsed() - written_at >= PROGRESS_SECONDS:
                written_at = context.elapsed()
                context.events.progress("pulling", **layers.numbers())
    found = {"pulled": request.model, "size": sum(layers.sizes.values()) or None}
    return build_completed(job, context, [Reply()], found)

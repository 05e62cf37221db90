"""embedding: one vector for each input."""

from collections.abc import Sequence
from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.embedding import EmbeddingRequest
from tasks.attempt import failures
from tasks.attempt.context import AttemptContext
from tasks.attempt.failures import WorkerEvent
from tasks.attempt.ollama_request import Reply, ask, payload
from tasks.attempt.result import completed

BATCH = 64
"""Inputs in one call of Ollama."""


def embedding(job: ClaimedJob, context: AttemptContext, request: EmbeddingRequest) -> Outcome:
    """Run an embedding job."""
    vectors: list[Any] = []
    replies: list[Reply] = []
    for batch in _batches(request.input):
        reply = _ask(request, context, batch)
        found = reply.stats.pop("embeddings", None)
        inputs = 1 if isinstance(batch, str) else len(batch)
        if not isinstance(found, list) or len(found) != inputs:
            given = len(found) if isinstance(found, list) else "no"
            return failures.outcome_of(WorkerEvent.BAD_VECTORS, f"{given} vectors came for {inputs} inputs")
        vectors += found
        replies.append(reply)
    return completed(job, context, replies, {"embeddings": vectors})


def _batches(texts: str | list[str]) -> Sequence[str | list[str]]:
    """The inputs of each call, in order. The size of a call is bounded, so that it stays within the job's limits."""
    return [texts] if isinstance(texts, str) else [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]


def _ask(request: EmbeddingRequest, context: AttemptContext, batch: str | list[str]) -> Reply:
    body = payload(request, input=batch)
    del body["stream"]  # /api/embed has one answer
    return ask(Endpoint.EMBED, context, request, body)

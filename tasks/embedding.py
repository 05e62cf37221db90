"""embedding: one vector for each input."""

from collections.abc import Sequence
from math import isfinite

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
    vectors: list[list[float]] = []
    replies: list[Reply] = []
    for batch in _batches(request.input):
        reply = _ask(request, context, batch)
        found = reply.stats.pop("embeddings", None) or []
        inputs = 1 if isinstance(batch, str) else len(batch)
        if len(found) != inputs:
            return failures.outcome_of(WorkerEvent.BAD_VECTORS, f"{len(found)} vectors came for {inputs} inputs")
        vectors += found
        replies.append(reply)
    if problem := _problem(vectors):
        return failures.outcome_of(WorkerEvent.BAD_VECTORS, problem)
    return completed(job, context, replies, {"embeddings": vectors})


def _problem(vectors: list[list[float]]) -> str:
    """What is wrong with the first bad vector, which is named by the place of its input; empty where all are good."""
    length = len(vectors[0])
    for number, vector in enumerate(vectors):
        where = f"the vector of input {number} (counted from 0)"
        if not vector:
            return f"{where} is empty"
        if len(vector) != length:
            return f"{where} has {len(vector)} numbers, that of input 0 has {length}"
        if not all(map(isfinite, vector)):
            return f"{where} holds a number that is not finite (NaN or infinite)"
    return ""


def _batches(texts: str | list[str]) -> Sequence[str | list[str]]:
    """The inputs of each call, in order. The size of a call is bounded, so that it stays within the job's limits."""
    return [texts] if isinstance(texts, str) else [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]


def _ask(request: EmbeddingRequest, context: AttemptContext, batch: str | list[str]) -> Reply:
    body = payload(request, input=batch)
    del body["stream"]  # /api/embed has one answer
    return ask(Endpoint.EMBED, context, request, body)

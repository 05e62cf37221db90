"""embedding: one vector for each input."""

from collections.abc import Sequence
from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.requests import EmbeddingRequest
from tasks.attempt import failures, ollama_request
from tasks.attempt.failures import WorkerEvent
from tasks.attempt.ollama_request import Reply
from tasks.attempt.result import completed
from tasks.attempt.services import Services

BATCH = 64
"""Inputs in one call of Ollama."""


def embedding(job: ClaimedJob, services: Services) -> Outcome:
    """Run an embedding job."""
    request = job.request
    assert isinstance(request, EmbeddingRequest)  # noqa: S101 - the job's kind chose this function
    vectors: list[Any] = []
    replies: list[Reply] = []
    for batch in _batches(request.input):
        reply = _ask(request, services, batch)
        found = reply.stats.pop("embeddings", None)
        inputs = 1 if isinstance(batch, str) else len(batch)
        if not isinstance(found, list) or len(found) != inputs:
            given = len(found) if isinstance(found, list) else "no"
            return failures.outcome_of(WorkerEvent.BAD_VECTORS, f"{given} vectors came for {inputs} inputs")
        vectors += found
        replies.append(reply)
    return completed(job, services, replies, {"embeddings": vectors})


def _batches(given: str | list[str]) -> Sequence[str | list[str]]:
    """What is asked at a time, in order: a call of bounded size can be cut, and stays within the clocks."""
    return [given] if isinstance(given, str) else [given[at : at + BATCH] for at in range(0, len(given), BATCH)]


def _ask(request: EmbeddingRequest, services: Services, batch: str | list[str]) -> Reply:
    body = ollama_request.payload(request, input=batch)
    del body["stream"]  # /api/embed has one answer
    call = services.ollama.embed(
        body, first_byte_timeout_seconds=request.first_token_within, stall_timeout_seconds=request.stall_after
    )
    with services.attempt.during(call), call:
        return Reply(stats=call.result())

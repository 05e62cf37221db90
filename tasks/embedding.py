"""embedding: one vector for each input."""

from llamaq.requests import EmbeddingRequest
from tasks import asking
from tasks.asking import Reply
from tasks.composing import completed
from tasks.job import ClaimedJob
from tasks.outcome import Error, Outcome, Retry
from tasks.services import Services


def embedding(job: ClaimedJob, services: Services) -> Outcome:
    """Run an embedding job."""
    request = job.request
    assert isinstance(request, EmbeddingRequest)  # noqa: S101 - the job's kind chose this function
    body = asking.payload(request, input=request.input)
    del body["stream"]  # /api/embed has one answer
    call = services.ollama.embed(
        body, first_byte_timeout_seconds=request.first_token_within, stall_timeout_seconds=request.stall_after
    )
    with services.attempt.during(call), call:
        answer = call.result()
    vectors = answer.get("embeddings")
    inputs = 1 if isinstance(request.input, str) else len(request.input)
    if not isinstance(vectors, list) or len(vectors) != inputs:
        given = len(vectors) if isinstance(vectors, list) else "no"
        return Retry(Error("ollama_error", f"{given} vectors came for {inputs} inputs", retryable=True))
    return completed(job, services, [Reply(stats=answer)], {"embeddings": vectors})

"""embedding: one vector for each input, in batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isfinite

from api_client import BadRequest, ContextOverflow, OllamaError, ServerFault
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import MOST_RESULT_BYTES, Failed, Outcome, Retry
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.embedding import EmbeddingRequest
from llamaq.vocabulary.wire import dumps
from tasks.attempt import failures
from tasks.attempt.context import AttemptContext
from tasks.attempt.failures import WorkerEvent
from tasks.attempt.ollama_request import Reply, ask, build_body
from tasks.attempt.result import build_completed

BATCH_INPUTS = 64
BATCH_CHARS = 64_000
"""Inputs, and their characters, in one call of Ollama; a longer input has a call of its own.

Ollama answers when all inputs of a call are embedded. So a call has to end within `first_token_within` also on a CPU,
where these characters, about 16,000 tokens, take 100 s.
"""
_OF_AN_INPUT = (BadRequest, ContextOverflow, ServerFault)
"""Errors that one input of a call can cause. Ollama does not tell which; NaN in a vector is its 500 or 400."""

BEYOND_FLOAT32 = 2.0**128 - 2.0**103
"""The least number that is infinite as a 32-bit float. Clients take vectors as such: OpenAI's, in base64."""
Vectors = list[list[float]]


def embedding(job: ClaimedJob, context: AttemptContext, request: EmbeddingRequest) -> Outcome:
    """Run an embedding job."""
    texts = [request.input] if isinstance(request.input, str) else request.input
    replies: list[Reply] = []
    parts: list[str] = []  # JSON, which takes a third of the memory of the numbers
    done = length = 0
    for batch in _split_batches(texts):
        try:
            vectors, reply = _ask(request, context, batch)
        except _OF_AN_INPUT as error:
            if len(texts) == 1:
                raise
            number = _find_culprit(batch, lambda part: _ask(request, context, part), error, others_passed=done > 0)
            return _name_input(failures.outcome_of_error(error, job), done + number)
        length = length or len(vectors[0]) if vectors else length
        if problem := _find_problem(vectors, done, len(batch), length, request.dimensions):
            return failures.outcome_of(WorkerEvent.BAD_VECTORS, problem)
        replies.append(reply)
        parts.append(dumps(vectors)[1:-1])
        done += len(batch)
        _check_size(parts, done, len(texts), length)
        if done < len(texts):
            context.events.progress("embedding", completed=done, total=len(texts))
    outcome = build_completed(job, context, replies, {})
    return replace(outcome, prepared={"embeddings": f"[{','.join(parts)}]"})


def _split_batches(texts: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and (len(batch) == BATCH_INPUTS or chars + len(text) > BATCH_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    yield batch


def _ask(request: EmbeddingRequest, context: AttemptContext, batch: list[str]) -> tuple[Vectors, Reply]:
    texts: str | list[str] = batch[0] if isinstance(request.input, str) else batch
    body = build_body(request, input=texts, dimensions=request.dimensions, truncate=bool(request.truncate))
    del body["stream"]  # /api/embed has one answer
    reply = ask(Endpoint.EMBED, context, request, body)
    return reply.stats.pop("embeddings", None) or [], reply


def _find_culprit(
    batch: Sequence[str], take: Callable[[list[str]], object], error: OllamaError, *, others_passed: bool
) -> int:
    """Find, by halving, the place in the batch of the first input that Ollama does not take.

    Raises:
        OllamaError: `error`, where the request as a whole is the cause and no single input; or that of another failure.
    """

    def fails(part: Sequence[str]) -> bool:
        try:
            take(list(part))
        except type(error):
            return True
        return False

    low, high = 0, len(batch)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(batch[low:middle]) else (middle, high)
    certain = isinstance(error, ContextOverflow) or low > 0 or others_passed
    others = batch[low + 1 :]
    if not fails(batch[low:high]) or not (certain or (others and not fails(others[-1:]))):
        raise error
    return low


def _name_input(outcome: Failed | Retry, number: int) -> Outcome:
    """Name the input in the outcome. It speaks against nobody, since the host took another input."""
    error = outcome.error
    named = replace(
        error, message=f"input {number} (counted from 0): {error.message}", details={**error.details, "input": number}
    )
    return replace(outcome, error=named, blame="")


def _find_problem(vectors: Vectors, first: int, inputs: int, length: int, dimensions: int | None) -> str:
    """Find what is wrong with the first bad vector, named by the place of its input; empty where all are good."""
    if len(vectors) != inputs:
        return f"{len(vectors)} vectors came for {inputs} inputs, from input {first} (counted from 0) on"
    for number, vector in enumerate(vectors, first):
        where = f"the vector of input {number} (counted from 0)"
        if not vector:
            return f"{where} is empty"
        if len(vector) != length:
            return f"{where} has {len(vector)} numbers, that of input 0 has {length}"
        if not all(map(isfinite, vector)) or max(vector) >= BEYOND_FLOAT32 or min(vector) <= -BEYOND_FLOAT32:
            return f"{where} holds a number that is not finite as a 32-bit float (NaN, infinite, or beyond them)"
    if dimensions and length > dimensions:
        return f"the vectors have {length} numbers though `dimensions` is {dimensions}: this Ollama does not know it"
    return ""


def _check_size(parts: list[str], done: int, total: int, length: int) -> None:
    """Refuse early what could not be stored at the end.

    Raises:
        InvalidRequest: the vectors of all inputs would be too large.
    """
    size = sum(map(len, parts)) * total // done
    if size > MOST_RESULT_BYTES:
        fitting = MOST_RESULT_BYTES * total // size
        message = f"{total} vectors of {length} numbers come to about {size} bytes, more than {MOST_RESULT_BYTES}"
        raise InvalidRequest.of("input", f"{message}: give a job at most {fitting} inputs, or fewer `dimensions`")

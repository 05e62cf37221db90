"""load: brings a model into the host's memory."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.load import LoadRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import ask, build_body
from tasks.attempt.result import build_completed


def load(job: ClaimedJob, context: AttemptContext, request: LoadRequest) -> Outcome:
    """Run a load, which is an embedding of nothing: Ollama then loads a model of any capability, and does no more."""
    body = build_body(request, input=[])
    del body["stream"]  # /api/embed has one answer
    reply = ask(Endpoint.EMBED, context, request, body)
    return build_completed(job, context, [reply], {"loaded": request.model})

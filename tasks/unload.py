"""unload: a model out of the host's memory. A model that still answers stays until it is done."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.unload import UnloadRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import ask
from tasks.attempt.result import completed


def unload(job: ClaimedJob, context: AttemptContext, request: UnloadRequest) -> Outcome:
    """Run an unload: Ollama takes it as a request without a prompt that keeps the model for no time."""
    reply = ask(Endpoint.GENERATE, context, request, {"model": request.model, "keep_alive": 0, "stream": False})
    return completed(job, context, [reply], {"unloaded": request.model})

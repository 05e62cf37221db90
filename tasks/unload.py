"""unload: removes a model from the host's memory, after the requests that it still answers."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.unload import UnloadRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import ask
from tasks.attempt.result import build_completed


def unload(job: ClaimedJob, context: AttemptContext, request: UnloadRequest) -> Outcome:
    """Run an unload, which is a request without a prompt and with a `keep_alive` of 0."""
    reply = ask(Endpoint.GENERATE, context, request, {"model": request.model, "keep_alive": 0, "stream": False})
    return build_completed(job, context, [reply], {"unloaded": request.model})

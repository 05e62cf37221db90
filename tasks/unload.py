"""unload: a model out of the host's memory. A model that still answers stays until it is done."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.unload import UnloadRequest
from tasks.attempt.ollama_request import ask
from tasks.attempt.result import completed
from tasks.attempt.services import Services


def unload(job: ClaimedJob, services: Services, request: UnloadRequest) -> Outcome:
    """Run an unload: Ollama takes it as a request without a prompt that keeps the model for no time."""
    reply = ask(Endpoint.GENERATE, services, request, {"model": request.model, "keep_alive": 0, "stream": False})
    return completed(job, services, [reply], {"unloaded": request.model})

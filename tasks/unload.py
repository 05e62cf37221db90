"""unload: a model out of the host's memory. A model that still answers stays until it is done."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.requests import UnloadRequest
from tasks.attempt import ollama_request
from tasks.attempt.result import completed
from tasks.attempt.services import Services


def unload(job: ClaimedJob, services: Services) -> Outcome:
    """Run an unload: to Ollama, a request without a prompt that keeps the model for no time."""
    request = job.request
    assert isinstance(request, UnloadRequest)  # noqa: S101 - the job's kind chose this function
    reply = ollama_request.generate(services, request, {"model": request.model, "keep_alive": 0, "stream": False})
    return completed(job, services, [reply], {"unloaded": request.model})

"""unload: a model out of the host's memory. A model that still answers stays until it is done."""

from llamaq.requests import UnloadRequest
from tasks import asking
from tasks.composing import completed
from tasks.job import ClaimedJob
from tasks.outcome import Outcome
from tasks.services import Services


def unload(job: ClaimedJob, services: Services) -> Outcome:
    """Run an unload: to Ollama, a request without a prompt that keeps the model for no time."""
    request = job.request
    assert isinstance(request, UnloadRequest)  # noqa: S101 - the job's kind chose this function
    reply = asking.generate(services, request, {"model": request.model, "keep_alive": 0, "stream": False})
    return completed(job, services, [reply], {"unloaded": request.model})

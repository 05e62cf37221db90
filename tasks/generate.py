"""generate: a completion of one prompt."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.requests import GenerateRequest
from tasks.attempt import ollama_request
from tasks.attempt.result import completed
from tasks.attempt.services import Services


def generate(job: ClaimedJob, services: Services) -> Outcome:
    """Run a generate job."""
    request = job.request
    assert isinstance(request, GenerateRequest)  # noqa: S101 - the job's kind chose this function
    body = ollama_request.payload(
        request,
        prompt=request.prompt,
        system=request.system,
        suffix=request.suffix,
        raw=request.raw,
        template=request.template,
        format=request.format,
    )
    reply = ollama_request.generate(services, request, body)
    return completed(job, services, [reply], text_of(reply))


def text_of(reply: ollama_request.Reply) -> dict[str, str | None]:
    """A text result's own fields."""
    return {"text": reply.text, "thinking": reply.thinking or None}

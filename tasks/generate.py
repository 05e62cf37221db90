"""generate: a completion of one prompt."""

from llamaq.requests import GenerateRequest
from tasks import asking
from tasks.composing import completed
from tasks.job import ClaimedJob
from tasks.outcome import Outcome
from tasks.services import Services


def generate(job: ClaimedJob, services: Services) -> Outcome:
    """Run a generate job."""
    request = job.request
    assert isinstance(request, GenerateRequest)  # noqa: S101 - the job's kind chose this function
    body = asking.payload(
        request,
        prompt=request.prompt,
        system=request.system,
        suffix=request.suffix,
        raw=request.raw,
        template=request.template,
        format=request.format,
    )
    reply = asking.generate(services, request, body)
    return completed(job, services, [reply], text_of(reply))


def text_of(reply: asking.Reply) -> dict[str, str | None]:
    """A text result's own fields."""
    return {"text": reply.text, "thinking": reply.thinking or None}

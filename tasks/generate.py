"""generate: a completion of one prompt."""

from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.generate import GenerateRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import Reply, ask, build_body, logprobs_of
from tasks.attempt.result import build_completed


def generate(job: ClaimedJob, context: AttemptContext, request: GenerateRequest) -> Outcome:
    """Run a generate job."""
    body = build_body(
        request,
        prompt=request.prompt,
        system=request.system,
        suffix=request.suffix,
        raw=request.raw,
        template=request.template,
        format=request.format,
        images=[context.image(reference) for reference in request.images or ()] or None,
        context=request.context or None,
    )
    reply = ask(Endpoint.GENERATE, context, request, body)
    kept = {"context": reply.stats.get("context")} if request.context is not None else {}
    return build_completed(job, context, [reply], text_fields(reply) | kept)


def text_fields(reply: Reply) -> dict[str, Any]:
    """A text result's own fields."""
    return {"text": reply.text, "thinking": reply.thinking or None, **logprobs_of(reply)}

"""multimodal: a prompt, or a chat, about images."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.conversations import as_json
from llamaq.vocabulary.requests import MultimodalRequest
from tasks.attempt import ollama_request
from tasks.attempt.result import completed
from tasks.attempt.services import Services
from tasks.generate import text_of


def multimodal(job: ClaimedJob, services: Services) -> Outcome:
    """Run a multimodal job: with a prompt on `/api/generate`, with messages on `/api/chat`."""
    request = job.request
    assert isinstance(request, MultimodalRequest)  # noqa: S101 - the job's kind chose this function
    images = [services.image(reference) for reference in request.images]
    if request.messages is None:
        body = ollama_request.payload(
            request, prompt=request.prompt, system=request.system, images=images, format=request.format
        )
        reply = ollama_request.generate(services, request, body)
        return completed(job, services, [reply], text_of(reply))
    reply = ollama_request.chat(services, request, _with_images(request, images))
    return completed(job, services, [reply], {"message": reply.message()})


def _with_images(request: MultimodalRequest, images: list[str]) -> dict[str, object]:
    messages = [as_json(message) for message in request.messages or ()]
    if request.system is not None:
        messages.insert(0, {"role": "system", "content": request.system})
    next(message for message in reversed(messages) if message["role"] == "user")["images"] = images
    return ollama_request.payload(request, messages=messages, format=request.format)

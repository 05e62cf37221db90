"""multimodal: a prompt, or a chat, about images."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.conversations import message_fields
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.multimodal import MultimodalRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import ask, build_body, insert_images
from tasks.attempt.result import build_completed
from tasks.generate import text_fields


def multimodal(job: ClaimedJob, context: AttemptContext, request: MultimodalRequest) -> Outcome:
    """Run a multimodal job: a prompt goes to `/api/generate`, messages go to `/api/chat`."""
    images = [context.image(reference) for reference in request.images or ()]
    if request.messages is None:
        body = build_body(request, prompt=request.prompt, system=request.system, images=images, format=request.format)
        reply = ask(Endpoint.GENERATE, context, request, body)
        return build_completed(job, context, [reply], text_fields(reply))
    reply = ask(Endpoint.CHAT, context, request, _build_chat_body(request, context, images))
    return build_completed(job, context, [reply], {"message": reply.message()})


def _build_chat_body(request: MultimodalRequest, context: AttemptContext, images: list[str]) -> dict[str, object]:
    messages = insert_images([message_fields(message) for message in request.messages or ()], context)
    if request.system is not None:
        messages.insert(0, {"role": "system", "content": request.system})
    if images:
        question = next(message for message in reversed(messages) if message["role"] == "user")
        question["images"] = [*question.get("images", ()), *images]
    return build_body(request, messages=messages, format=request.format)

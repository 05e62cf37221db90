"""chat: an answer to the messages of the request, or a turn of a kept conversation."""

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.conversations import new_messages
from llamaq.vocabulary.kinds.chat import ChatRequest
from llamaq.vocabulary.kinds.declaration import Endpoint
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import ask, build_body, insert_images, logprobs_of
from tasks.attempt.result import build_completed
from tasks.history import turn


def chat(job: ClaimedJob, context: AttemptContext, request: ChatRequest) -> Outcome:
    """Run a chat job."""
    if request.conversation is not None:
        return turn.run_turn(job, context, request)
    # Only a kept history is trimmed. Messages of the request are sent as they are, and Ollama refuses too long ones.
    messages = insert_images(new_messages(request), context)
    body = build_body(request, messages=messages, tools=request.tools, format=request.format)
    reply = ask(Endpoint.CHAT, context, request, body)
    return build_completed(job, context, [reply], {"message": reply.message(), **logprobs_of(reply)})

"""chat: a turn, on the history that the producer sends, or on one that is kept under `conversation`."""

from typing import Any

from llamaq.requests import ChatRequest, Message
from tasks import asking
from tasks.composing import completed
from tasks.job import ClaimedJob
from tasks.outcome import Outcome
from tasks.services import Services


def chat(job: ClaimedJob, services: Services) -> Outcome:
    """Run a chat job. With a conversation, the turn is appended to it in the same step as the terminal event."""
    request = job.request
    assert isinstance(request, ChatRequest)  # noqa: S101 - the job's kind chose this function
    new = _new(request)
    history = services.history() if request.conversation else []
    # Thinking is not a part of what was said: sent back, it fills the context and confuses the model.
    messages = [{name: value for name, value in said.items() if name != "thinking"} for said in history + new]
    body = asking.payload(request, messages=messages, tools=request.tools, format=request.format)
    reply = asking.chat(services, request, body)
    message = reply.message()
    turn = [*new, message] if request.conversation else []
    return completed(job, services, [reply], {"message": message}, turn)


def _new(request: ChatRequest) -> list[dict[str, Any]]:
    if request.messages is not None:
        return [as_json(message) for message in request.messages]
    message = request.message
    return [as_json(message) if isinstance(message, Message) else {"role": "user", "content": message}]


def as_json(message: Message) -> dict[str, Any]:
    """A message as Ollama takes it, without what was thought."""
    return message.model_dump(exclude_none=True, exclude={"thinking"})

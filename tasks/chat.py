"""chat: a turn, on the history that the producer sends, or on one that is kept under `conversation`."""

from typing import Any

from llamaq.requests import ChatRequest
from llamaq.turns import SENT, new_messages
from tasks import asking, turn
from tasks.composing import completed
from tasks.job import ClaimedJob
from tasks.outcome import Outcome
from tasks.services import Services


def chat(job: ClaimedJob, services: Services) -> Outcome:
    """Run a chat job."""
    request = job.request
    assert isinstance(request, ChatRequest)  # noqa: S101 - the job's kind chose this function
    if request.conversation is not None:
        return turn.take(job, services, request)
    # What the producer sends whole is asked whole, or refused as too long: only a kept history is trimmed.
    messages: list[dict[str, Any]] = [
        {name: value for name, value in said.items() if name in SENT} for said in new_messages(request)
    ]
    body = asking.payload(request, messages=messages, tools=request.tools, format=request.format)
    reply = asking.chat(services, request, body)
    return completed(job, services, [reply], {"message": reply.message()})

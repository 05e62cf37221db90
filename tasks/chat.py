"""chat: a turn, on the history that the producer sends, or on one that is kept under `conversation`."""

from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Outcome
from llamaq.vocabulary.conversations import SENT, new_messages
from llamaq.vocabulary.requests import ChatRequest
from tasks.attempt import ollama_request
from tasks.attempt.result import completed
from tasks.attempt.services import Services
from tasks.history import turn


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
    body = ollama_request.payload(request, messages=messages, tools=request.tools, format=request.format)
    reply = ollama_request.chat(services, request, body)
    return completed(job, services, [reply], {"message": reply.message()})

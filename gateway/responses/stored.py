"""The responses that are stored: finds one of a caller, and the conversation that one continues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.access.caller import Caller
from gateway.http.errors import GatewayError
from gateway.openai.chat_answer import ChatForm
from gateway.responses.builder import PREFIX
from gateway.responses.note import Note, read_note
from gateway.responses.parsed_request import History
from llamaq import AsyncJobQueue, JobStatus
from llamaq.client.aio.job import AsyncJob
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.wire import JsonObject


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response that is stored.

    Attributes:
        request: the request of its job, as it is stored.
    """

    job: AsyncJob[Any]
    status: JobStatus
    note: Note
    request: Mapping[str, Any]


async def find_response(
    queue: AsyncJobQueue, caller: Caller, response_id: str, param: str | None = None
) -> StoredResponse:
    """Find a response of the caller's tenant that is kept.

    Raises:
        GatewayError: 404: there is none.
    """
    missing = GatewayError(404, "response_not_found", f"Response with id '{response_id[:200]}' not found.", param=param)
    if not response_id.startswith(PREFIX):
        raise missing
    job = queue.job(response_id.removeprefix(PREFIX))
    try:
        # First, because `status` waits for a job that a worker may be about to take in; a response is there at once.
        submitted = await job.request()
        status = await job.status()
    except JobNotFound:
        raise missing from None
    note = read_note(submitted.note)
    # Its job is a chat: a note of the same form may be kept with any other job.
    chat = submitted.kind == "chat" and "messages" in submitted.request
    if not chat or note is None or not note.given.store or not caller.may_see(status.tenant):
        raise missing
    return StoredResponse(job, status, note, submitted.request)


async def read_history(queue: AsyncJobQueue, caller: Caller, response_id: str | None) -> History:
    """Read what was said up to the end of a response: its history, its input, and its answer. Not its instructions.

    Raises:
        GatewayError: 404: there is no such response; 400: it has no answer.
    """
    if response_id is None:
        return History()
    param = "previous_response_id"
    before = await find_response(queue, caller, response_id, param)
    result = before.status.result
    if not isinstance(result, ChatResult):
        state = "has not ended yet" if not before.status.ended else f"has ended {before.status.state}"
        raise GatewayError(400, "previous_response_not_completed", f"the response {response_id} {state}", param=param)
    messages = before.request["messages"][before.note.lead :]
    images = {index: message["images"] for index, message in enumerate(messages) if message.get("images")}
    answer = _answer_message(before.job.id, before.note.form, result)
    return History([*map(_to_chat_message, messages), answer], images)


def _to_chat_message(message: Mapping[str, Any]) -> JsonObject:
    """Translate a message of a job as chat completions have it, without its images."""
    calls = [{**call, "type": "function"} for call in message.get("tool_calls") or ()]
    given = {
        "role": message["role"],
        "content": message.get("content") or "",
        "reasoning": message.get("thinking"),
        "tool_calls": calls or None,
        "tool_call_id": message.get("tool_call_id"),
        "name": message.get("tool_name"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _answer_message(job_id: str, form: ChatForm, result: ChatResult) -> JsonObject:
    message = result.message
    if form.forced is None:
        calls, text = form.translate_calls(job_id, message.tool_calls or ()), message.content
    else:
        calls, text = form.read_forced_call(job_id, message.content), ""
    given = {"role": "assistant", "content": text, "reasoning": message.thinking, "tool_calls": calls or None}
    return {name: value for name, value in given.items() if value is not None}

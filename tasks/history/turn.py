"""A turn of a kept conversation, with its settings and as much of its history as fits the model's context."""

from typing import Any

from api_client import ContextOverflow
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Completed
from llamaq.vocabulary.conversations import SENT, ConversationSettings, MessageObject, new_messages
from llamaq.vocabulary.kinds.chat import ChatRequest
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.options import Options
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import Reply, ask, build_body, insert_images, logprobs_of
from tasks.attempt.result import build_completed
from tasks.history.trimming import Fitting


def run_turn(job: ClaimedJob, context: AttemptContext, request: ChatRequest) -> Completed:
    """Run a turn. Its messages are appended to the conversation in the same step as the terminal event."""
    settings = context.settings()
    request = apply_settings(request, settings)
    new = new_messages(request)
    fitting = Fitting(
        [{"role": "system", "content": settings.system}] if settings.system else [],
        context.history(),
        new,
        length=context.context_lengths.length(job.model, request.options),
        tools=request.tools,
        answer_tokens=request.options.num_predict,
    )
    reply = _ask(context, request, fitting)
    answer = reply.message()
    found = {"message": answer, "history_dropped": fitting.dropped, **logprobs_of(reply)}
    done = build_completed(job, context, [reply], found)
    beside = {"usage": done.result["usage"]} | ({"history_dropped": fitting.dropped} if fitting.dropped else {})
    return Completed(done.result, tuple({**message, "job": job.id} for message in (*new, {**answer, **beside})))


def apply_settings(request: ChatRequest, settings: ConversationSettings) -> ChatRequest:
    """Complete the request by the settings of the conversation."""
    common = settings.options.model_dump(exclude_none=True) if settings.options else {}
    options = Options(**{**common, **request.options.model_dump(exclude_none=True)})
    tools = settings.tools if request.tools is None else request.tools
    return request.model_copy(update={"options": options, "tools": tools})


def _ask(context: AttemptContext, request: ChatRequest, fitting: Fitting) -> Reply:
    while True:
        try:
            return ask(
                Endpoint.CHAT, context, request, _build_turn_body(request, insert_images(fitting.messages, context))
            )
        except ContextOverflow as error:
            # The refusal comes before the first token, so no reader has seen any text.
            length = context.context_lengths.note_refusal(request.model, request.options, error.n_ctx)
            if not fitting.tighten(error.n_prompt_tokens, length):
                raise


def _build_turn_body(request: ChatRequest, messages: list[MessageObject]) -> dict[str, Any]:
    asked = max((index for index, message in enumerate(messages) if message.get("role") == "user"), default=0)
    # Models that think between the calls of tools need these thoughts until the question is answered.
    sent = [
        {name: value for name, value in message.items() if name in SENT or (name == "thinking" and index > asked)}
        for index, message in enumerate(messages)
    ]
    return build_body(request, messages=sent, tools=request.tools, format=request.format)

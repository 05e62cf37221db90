"""`/v1/chat/completions`: what a request asks for."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import jsonschema_rs
from pydantic import Field

from gateway.openai.chat_answer import ChatForm
from gateway.openai.generation import Generation, Tokens, parameter_of
from gateway.openai.messages import Message, TranslatedMessages, translate_messages
from gateway.openai.parameters import Parameters, only, parameter_path, read_parameters
from gateway.openai.parsed_request import ParsedRequest
from gateway.openai.response_format import ResponseFormat, response_format_of
from gateway.openai.tools.choice import Use, use_of
from gateway.openai.tools.forced import force_call
from gateway.openai.tools.function import NO_PARAMETERS, Function, Tool
from llamaq.extraction.schema import check_schema
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.options import Whole
from llamaq.vocabulary.wire import JsonObject

REFUSED = {
    "audio": "Ollama speaks no audio",
    "prediction": "Ollama takes no predicted output",
    "web_search_options": "Ollama does not search the web here; give the model a tool of your own",
    "moderation": "Ollama does not moderate",
}
_EFFORTS = {"minimal": "low", "xhigh": "max"}
"""Levels that Ollama does not have, each with the nearest of its own."""
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Reasoning(Parameters):
    """The effort, as Ollama's own endpoint takes it beside `reasoning_effort`."""

    effort: Effort | None = None


class ChatCompletion(Generation):
    """The parameters."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Tokens | None = None
    response_format: JsonObject | None = None
    tools: list[Tool] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool = True
    functions: list[Function] | None = None
    function_call: Any = None
    reasoning_effort: Effort | None = None
    reasoning: Reasoning | None = None
    logprobs: bool = False
    top_logprobs: Annotated[Whole, Field(ge=0, le=20)] | None = None
    modalities: Annotated[list[str], only(["text"], reason="Ollama answers in text alone")] | None = None
    store: Annotated[bool, only(False, reason="no list of chat completions is kept; /v1/responses keeps answers")] = (
        False
    )
    verbosity: Annotated[str, only("medium", reason="Ollama has no measure of it; ask for it in a message")] | None = (
        None
    )
    prompt_cache_retention: str | None = None
    prompt_cache_options: JsonObject | None = None


def read_chat(body: Any) -> ParsedRequest:
    """Read what a chat completion asks for.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
    """
    given = read_parameters(ChatCompletion, body, REFUSED)
    given.check_stream_options()
    if given.top_logprobs is not None and not given.logprobs:
        raise InvalidRequest.of("top_logprobs", "it needs logprobs: true", "invalid_value")
    messages, use, answer_format = (
        translate_messages(given.messages),
        _read_use(given),
        response_format_of(given.response_format),
    )
    validator, call = answer_format.validator, None
    if use.forced:
        call = force_call(use.forced, {place: f"{use.parameter_of(place)}.parameters" for place in use.forced})
        messages.add_instruction(call.instruction())
        answer_format, validator = call.format, None
    form = ChatForm(
        model=given.model,
        echoed=given.echoed,
        include_usage=given.include_usage,
        forced=call,
        named=use.named,
        legacy=use.legacy,
        one_call=use.legacy or not given.parallel_tool_calls,
        strict=_strict_validators(use),
        validator=validator,
    )
    return ParsedRequest(
        job=_build_job(given, messages, use, answer_format),
        form=form,
        stream=given.stream,
        parameter=lambda field: _parameter(field, given, messages, use, answer_format),
    )


def _read_use(given: ChatCompletion) -> Use:
    if given.functions is None and given.function_call is None:
        return use_of([tool.function for tool in given.tools or ()], given.tool_choice, legacy=False)
    if given.tools is not None or given.tool_choice is not None:
        raise InvalidRequest.of("functions", "it is the old name of tools: give one of them", "invalid_value")
    return use_of(given.functions or (), given.function_call, legacy=True)


def _build_job(
    given: ChatCompletion, messages: TranslatedMessages, use: Use, answer_format: ResponseFormat
) -> dict[str, Any]:
    return given.build_job(
        "chat",
        options=given.build_options(_most_tokens(given)),
        messages=messages.messages,
        stream=given.stream,
        tools=[function.for_ollama() for function in use.offered.values()] or None,
        format=answer_format.sent,
        think=_read_think(given),
        logprobs=given.logprobs or None,
        top_logprobs=given.top_logprobs,
    )


def _strict_validators(use: Use) -> dict[str, jsonschema_rs.Validator]:
    """The validators of the arguments of those functions that are `strict`."""
    return {
        each.name: check_schema(each.parameters or NO_PARAMETERS, f"{use.parameter_of(place)}.parameters")
        for place, each in {**use.offered, **use.forced}.items()
        if each.strict
    }


def _most_tokens(given: ChatCompletion) -> int | None:
    both = {given.max_tokens, given.max_completion_tokens} - {None}
    if len(both) > 1:
        raise InvalidRequest.of("max_tokens", "it contradicts max_completion_tokens: give one", "invalid_value")
    return given.max_tokens or given.max_completion_tokens


def _read_think(given: ChatCompletion) -> bool | str | None:
    effort = given.reasoning.effort if given.reasoning else given.reasoning_effort
    if effort is None or effort == "none":
        return None if effort is None else False
    return _EFFORTS.get(effort, effort)


def _parameter(
    field: str, given: ChatCompletion, messages: TranslatedMessages, use: Use, answer_format: ResponseFormat
) -> str:
    first, *parts = field.split(".")
    place = list(use.offered)[int(parts[0])] if first == "tools" and parts else None
    known: dict[str, Callable[[], str]] = {
        "messages": lambda: messages.parameter(field),
        "images": lambda: "messages",
        "format": lambda: parameter_path(".".join((answer_format.param, *parts))),
        "tools": lambda: (
            use.param if place is None else parameter_path(".".join((use.parameter_of(place), *parts[2:])))
        ),
    }
    if first in known:
        return known[first]()
    if field == "options.num_predict" and given.max_tokens is None:
        return "max_completion_tokens"
    return "reasoning.effort" if field == "think" and given.reasoning else parameter_of(field) or field

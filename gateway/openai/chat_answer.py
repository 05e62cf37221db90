"""The answer to a chat completion: whole, or in chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from pydantic_core import from_json

from gateway.openai.answer_form import FINGERPRINT, finish_reason, invalid_output, usage_of
from gateway.openai.logprobs import Tokens, chat_logprobs
from gateway.openai.response_format import find_problem
from gateway.openai.tools.forced import CallReader, ForcedCall
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.kinds.chat import ChatResult, ReplyMessage
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.wire import dumps

_CALL = {False: "tool_calls", True: "function_call"}


def chat_id(job_id: str) -> str:
    """The id of the answer of a job."""
    return f"chatcmpl-{job_id}"


@dataclass(frozen=True, slots=True)
class ChatForm:
    """The form of the answer.

    Attributes:
        model: as the request wrote it.
        echoed: members that the answer has because the request had them.
        include_usage: whether a stream ends with the figures of usage.
        forced: the call that the answer is, where the model had to make one.
        named: whether the request named its function.
        legacy: whether a call is a `function_call`.
        one_call: whether the answer has the first call alone.
        strict: by the name of a function, what its arguments have to be valid for.
        validator: what the answer has to be valid for.
    """

    model: str
    echoed: Mapping[str, Any] = field(default_factory=dict)
    include_usage: bool = False
    forced: ForcedCall | None = None
    named: bool = False
    legacy: bool = False
    one_call: bool = False
    strict: Mapping[str, jsonschema_rs.Validator] = field(default_factory=dict)
    validator: jsonschema_rs.Validator | None = None

    def render_body(self, job_id: str, created: int, result: Result) -> dict[str, Any]:
        """Render the body of a `chat.completion`."""
        message = _chat_result(result).message
        self.check_answer(job_id, message, finish_reason(result))
        calls = self.translate_calls(job_id, message.tool_calls or ())
        text: str | None = message.content
        if self.forced is not None:
            calls, text = self.read_forced_call(job_id, message.content), None
        message_fields = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if message.thinking:
            message_fields["reasoning"] = message.thinking
        choice = {
            "index": 0,
            "message": message_fields | self.calls_member(calls),
            "logprobs": chat_logprobs(_chat_result(result).logprobs),
            "finish_reason": self.choose_finish_reason(result, called=bool(calls)),
        }
        head = {"id": chat_id(job_id), "object": "chat.completion", "created": created, "model": self.model}
        rest = {"system_fingerprint": FINGERPRINT, "choices": [choice], "usage": usage_of(result)}
        return {**head, **rest, **self.echoed}

    def chunks(self, job_id: str, created: int) -> "ChatChunks":
        """The chunks of a stream."""
        return ChatChunks(self, job_id, created)

    def translate_calls(self, job_id: str, found: Sequence[Mapping[str, Any]], first: int = 0) -> list[dict[str, Any]]:
        """Translate Ollama's calls into OpenAI's form, with ids; `first` is the number of those before.

        Raises:
            JobFailed: the arguments of a `strict` function are not valid.
        """
        calls = []
        for number, call in enumerate(found, first):
            if self.one_call and number:
                break
            asked_function = call.get("function") or {}
            name, arguments = str(asked_function.get("name", "")), asked_function.get("arguments") or {}
            if name in self.strict and (problem := find_problem(self.strict[name], arguments)):
                raise invalid_output(job_id, f"the model called {name} with arguments that are not valid: {problem}")
            function = {"name": name, "arguments": dumps(arguments)}
            calls.append({"id": call.get("id") or call_id(job_id, number), "type": "function", "function": function})
        return calls

    def read_forced_call(self, job_id: str, text: str) -> list[dict[str, Any]]:
        """Read the call that an answer is; none where it was cut before the function's name."""
        reading = self.call_reader()
        arguments = reading.take(text) + reading.take_rest()
        return [] if reading.name is None else [self.build_forced_call(job_id, reading.name, arguments)]

    def build_forced_call(self, job_id: str, name: str, arguments: str) -> dict[str, Any]:
        """Build a call that the model had to make."""
        return {"id": call_id(job_id, 0), "type": "function", "function": {"name": name, "arguments": arguments}}

    def call_reader(self) -> CallReader:
        """What reads the call out of an answer, where the model had to make one."""
        return self.forced.call_reader() if self.forced is not None else CallReader("")

    def calls_member(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The member of a message for its calls."""
        if not calls:
            return {}
        return {"function_call": calls[0]["function"]} if self.legacy else {"tool_calls": list(calls)}

    def choose_finish_reason(self, result: Result, *, called: bool) -> str:
        """Choose the reason of the end. A function that the request named counts as `stop`, as in OpenAI's API."""
        reason = finish_reason(result)
        if not called or (self.forced is not None and (self.named or reason == "length")):
            return reason
        return _CALL[self.legacy]

    def check_answer(self, job_id: str, message: ReplyMessage, reason: str) -> None:
        """Check what `strict` promises of the answer. One that was cut, which its `finish_reason` says, is not checked.

        Raises:
            JobFailed: it is not valid.
        """
        if reason == "length" or message.tool_calls:
            return
        validator, text = self.validator, message.content
        if self.forced is not None:
            called = [call["function"] for call in self.read_forced_call(job_id, text)]
            if not called:
                raise invalid_output(job_id, "the answer is no call of one of the functions")
            validator, text = self.strict.get(called[0]["name"]), called[0]["arguments"]
        if validator is None:
            return
        try:
            problem = find_problem(validator, from_json(text))
        except ValueError as error:
            problem = f"it is no JSON: {error}"
        if problem:
            raise invalid_output(job_id, f"the answer is not valid for the schema: {problem}")


class ChatChunks:
    """The chunks of one stream."""

    def __init__(self, form: ChatForm, job_id: str, created: int) -> None:
        self._form = form
        self._job_id = job_id
        head = {"id": chat_id(job_id), "object": "chat.completion.chunk", "created": created, "model": form.model}
        self._head = dumps({**head, "system_fingerprint": FINGERPRINT, **form.echoed})[:-1]
        self._usage = ',"usage":null}' if form.include_usage else "}"
        self._called = 0
        self._reading = form.call_reader()

    def render_opening(self) -> list[str]:
        """Render the role; and the name of a function that is known before the answer."""
        opening = [self._render_chunk({"role": "assistant", "content": "" if self._form.forced is None else None})]
        return opening + self._render_forced_call("", None)

    def render_piece(self, delta: Piece) -> list[str]:
        """Render a chunk for the thinking, the text and each call: some clients look at one of them alone."""
        forced = self._form.forced is not None
        texts = {"reasoning": delta.thinking, "content": None if forced else delta.text}
        found = [{name: text} for name, text in texts.items() if text]
        if forced and delta.text:
            return [
                *map(self._render_chunk, found),
                *self._render_forced_call(self._reading.take(delta.text), delta.logprobs),
            ]
        if delta.logprobs and not found:
            found = [{}]
        chunks = [
            *map(self._render_chunk, found[:-1]),
            *(self._render_chunk(last, logprobs=delta.logprobs) for last in found[-1:]),
        ]
        if delta.tool_calls and not forced:
            calls = self._form.translate_calls(self._job_id, delta.tool_calls, self._called)
            chunks += [self._render_calls([call], self._called + number) for number, call in enumerate(calls)]
            self._called += len(delta.tool_calls)
        return chunks

    def render_text(self, said: str) -> str | None:
        """Render the chunk for a text alone, unless a call is read out of the texts."""
        return self._render_choice(f'{{"content":{dumps(said)}}}') if self._form.forced is None else None

    def render_closing(self, result: Result) -> list[str]:
        """Render the reason of the end, and the figures where they were asked for."""
        message = _chat_result(result).message
        self._form.check_answer(self._job_id, message, finish_reason(result))
        closing = self._render_forced_call(self._reading.take_rest(), None)
        closing.append(self._render_chunk({}, self._form.choose_finish_reason(result, called=self._called > 0)))
        if self._form.include_usage:
            closing.append(f'{self._head},"choices":[],"usage":{dumps(usage_of(result))}}}')
        return closing

    def _render_calls(self, calls: Sequence[dict[str, Any]], first: int = 0) -> str:
        if self._form.legacy:
            return self._render_chunk({"function_call": calls[0]["function"]})
        return self._render_chunk(
            {"tool_calls": [{"index": first + number, **call} for number, call in enumerate(calls)]}
        )

    def _render_forced_call(self, arguments: str, logprobs: Tokens | None) -> list[str]:
        """Render the chunks for a call that the model has to make: its name once it is known, and further arguments."""
        chunks, name = [], self._reading.name
        if self._form.forced is not None and name is not None and not self._called:
            self._called = 1
            chunks.append(self._render_calls([self._form.build_forced_call(self._job_id, name, "")]))
        if arguments or logprobs:
            more = (
                {"function_call": {"arguments": arguments}}
                if self._form.legacy
                else {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}
            )
            chunks.append(self._render_chunk(more if arguments else {}, logprobs=logprobs))
        return chunks

    def _render_chunk(self, delta: dict[str, Any], reason: str | None = None, logprobs: Tokens | None = None) -> str:
        end = "null" if reason is None else f'"{reason}"'
        tokens = dumps(chat_logprobs(logprobs)) if logprobs else "null"
        return self._render_choice(dumps(delta), end, tokens)

    def _render_choice(self, delta: str, end: str = "null", tokens: str = "null") -> str:
        choice = f'{{"index":0,"delta":{delta},"logprobs":{tokens},"finish_reason":{end}}}'
        return f'{self._head},"choices":[{choice}]{self._usage}'


def call_id(job_id: str, number: int) -> str:
    """The id of a call that Ollama gave none: the same whenever the answer is read."""
    return f"call_{job_id.replace('-', '')[:24]}{number}"


def _chat_result(result: Result) -> ChatResult:
    if not isinstance(result, ChatResult):
        raise TypeError(f"a chat has another result: {type(result).__name__}")
    return result

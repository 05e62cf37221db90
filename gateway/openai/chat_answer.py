"""The answer to a chat completion: whole, or in chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from pydantic_core import from_json

from gateway.openai.answer_form import FINGERPRINT, finish_reason, not_as_promised, usage_of
from gateway.openai.logprobs import Tokens, of_chat
from gateway.openai.response_format import valid
from gateway.openai.tools.forced import Forced, Reading
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
    forced: Forced | None = None
    named: bool = False
    legacy: bool = False
    one_call: bool = False
    strict: Mapping[str, jsonschema_rs.Validator] = field(default_factory=dict)
    validator: jsonschema_rs.Validator | None = None

    def whole(self, job_id: str, created: int, result: Result) -> dict[str, Any]:
        """The body of a `chat.completion`."""
        message = _chat(result).message
        self.check(job_id, message, finish_reason(result))
        calls = self.calls(job_id, message.tool_calls or ())
        text: str | None = message.content
        if self.forced is not None:
            calls, text = self.forced_calls(job_id, message.content), None
        answered = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if message.thinking:
            answered["reasoning"] = message.thinking
        choice = {
            "index": 0,
            "message": answered | self.called(calls),
            "logprobs": of_chat(_chat(result).logprobs),
            "finish_reason": self.finish(result, called=bool(calls)),
        }
        head = {"id": chat_id(job_id), "object": "chat.completion", "created": created, "model": self.model}
        rest = {"system_fingerprint": FINGERPRINT, "choices": [choice], "usage": usage_of(result)}
        return {**head, **rest, **self.echoed}

    def chunks(self, job_id: str, created: int) -> "ChatChunks":
        """The chunks of a stream."""
        return ChatChunks(self, job_id, created)

    def calls(self, job_id: str, found: Sequence[Mapping[str, Any]], first: int = 0) -> list[dict[str, Any]]:
        """Ollama's calls in OpenAI's form, with ids; `first` is the number of those before.

        Raises:
            JobFailed: the arguments of a `strict` function are not valid.
        """
        calls = []
        for number, call in enumerate(found, first):
            if self.one_call and number:
                break
            called = call.get("function") or {}
            name, arguments = str(called.get("name", "")), called.get("arguments") or {}
            if name in self.strict and (problem := valid(self.strict[name], arguments)):
                raise not_as_promised(job_id, f"the model called {name} with arguments that are not valid: {problem}")
            made = {"name": name, "arguments": dumps(arguments)}
            calls.append({"id": call.get("id") or call_id(job_id, number), "type": "function", "function": made})
        return calls

    def forced_calls(self, job_id: str, text: str) -> list[dict[str, Any]]:
        """The call that an answer is; none where it was cut before the function's name."""
        reading = self.reading()
        arguments = reading.take(text) + reading.rest()
        return [] if reading.name is None else [self.forced_call(job_id, reading.name, arguments)]

    def forced_call(self, job_id: str, name: str, arguments: str) -> dict[str, Any]:
        """A call that the model had to make."""
        return {"id": call_id(job_id, 0), "type": "function", "function": {"name": name, "arguments": arguments}}

    def reading(self) -> Reading:
        """Reads the call out of an answer, where the model had to make one."""
        return self.forced.reading() if self.forced is not None else Reading("")

    def called(self, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The member of a message for its calls."""
        if not calls:
            return {}
        return {"function_call": calls[0]["function"]} if self.legacy else {"tool_calls": list(calls)}

    def finish(self, result: Result, *, called: bool) -> str:
        """Why the answer ended. A function that the request named counts as `stop`, as in OpenAI's API."""
        reason = finish_reason(result)
        if not called or (self.forced is not None and (self.named or reason == "length")):
            return reason
        return _CALL[self.legacy]

    def check(self, job_id: str, message: ReplyMessage, reason: str) -> None:
        """Check what `strict` promises of the answer. One that was cut, which its `finish_reason` says, is not checked.

        Raises:
            JobFailed: it is not valid.
        """
        if reason == "length" or message.tool_calls:
            return
        validator, text = self.validator, message.content
        if self.forced is not None:
            called = [call["function"] for call in self.forced_calls(job_id, text)]
            if not called:
                raise not_as_promised(job_id, "the answer is no call of one of the functions")
            validator, text = self.strict.get(called[0]["name"]), called[0]["arguments"]
        if validator is None:
            return
        try:
            problem = valid(validator, from_json(text))
        except ValueError as error:
            problem = f"it is no JSON: {error}"
        if problem:
            raise not_as_promised(job_id, f"the answer is not valid for the schema: {problem}")


class ChatChunks:
    """The chunks of one stream."""

    def __init__(self, form: ChatForm, job_id: str, created: int) -> None:
        self._form = form
        self._job_id = job_id
        head = {"id": chat_id(job_id), "object": "chat.completion.chunk", "created": created, "model": form.model}
        self._head = dumps({**head, "system_fingerprint": FINGERPRINT, **form.echoed})[:-1]
        self._usage = ',"usage":null}' if form.include_usage else "}"
        self._called = 0
        self._reading = form.reading()

    def opening(self) -> list[str]:
        """The role; and the name of a function that is known before the answer."""
        opening = [self._chunk({"role": "assistant", "content": "" if self._form.forced is None else None})]
        return opening + self._forced("", None)

    def piece(self, delta: Piece) -> list[str]:
        """One chunk for the thinking, one for the text, one for each call: some clients look at one of them alone."""
        forced = self._form.forced is not None
        said = {"reasoning": delta.thinking, "content": None if forced else delta.text}
        found = [{name: text} for name, text in said.items() if text]
        if forced and delta.text:
            return [*map(self._chunk, found), *self._forced(self._reading.take(delta.text), delta.logprobs)]
        if delta.logprobs and not found:
            found = [{}]
        chunks = [*map(self._chunk, found[:-1]), *(self._chunk(last, logprobs=delta.logprobs) for last in found[-1:])]
        if delta.tool_calls and not forced:
            calls = self._form.calls(self._job_id, delta.tool_calls, self._called)
            chunks += [self._calls([call], self._called + number) for number, call in enumerate(calls)]
            self._called += len(delta.tool_calls)
        return chunks

    def text(self, said: str) -> str | None:
        """The chunk for a text alone, unless a call is read out of the texts."""
        return self._choice(f'{{"content":{dumps(said)}}}') if self._form.forced is None else None

    def closing(self, result: Result) -> list[str]:
        """The reason of the end, and the figures where they were asked for."""
        message = _chat(result).message
        self._form.check(self._job_id, message, finish_reason(result))
        closing = self._forced(self._reading.rest(), None)
        closing.append(self._chunk({}, self._form.finish(result, called=self._called > 0)))
        if self._form.include_usage:
            closing.append(f'{self._head},"choices":[],"usage":{dumps(usage_of(result))}}}')
        return closing

    def _calls(self, calls: Sequence[dict[str, Any]], first: int = 0) -> str:
        if self._form.legacy:
            return self._chunk({"function_call": calls[0]["function"]})
        return self._chunk({"tool_calls": [{"index": first + number, **call} for number, call in enumerate(calls)]})

    def _forced(self, arguments: str, logprobs: Tokens | None) -> list[str]:
        """The chunks for a call that the model has to make: its name once it is known, and further arguments."""
        chunks, name = [], self._reading.name
        if self._form.forced is not None and name is not None and not self._called:
            self._called = 1
            chunks.append(self._calls([self._form.forced_call(self._job_id, name, "")]))
        if arguments or logprobs:
            more = (
                {"function_call": {"arguments": arguments}}
                if self._form.legacy
                else {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}
            )
            chunks.append(self._chunk(more if arguments else {}, logprobs=logprobs))
        return chunks

    def _chunk(self, delta: dict[str, Any], reason: str | None = None, logprobs: Tokens | None = None) -> str:
        end = "null" if reason is None else f'"{reason}"'
        tokens = dumps(of_chat(logprobs)) if logprobs else "null"
        return self._choice(dumps(delta), end, tokens)

    def _choice(self, delta: str, end: str = "null", tokens: str = "null") -> str:
        choice = f'{{"index":0,"delta":{delta},"logprobs":{tokens},"finish_reason":{end}}}'
        return f'{self._head},"choices":[{choice}]{self._usage}'


def call_id(job_id: str, number: int) -> str:
    """The id of a call that Ollama gave none: the same whenever the answer is read."""
    return f"call_{job_id.replace('-', '')[:24]}{number}"


def _chat(result: Result) -> ChatResult:
    if not isinstance(result, ChatResult):
        raise TypeError(f"a chat has another result: {type(result).__name__}")
    return result

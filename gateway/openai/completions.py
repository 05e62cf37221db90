"""`/v1/completions`, the older endpoint: one prompt, one text."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from gateway.openai.answer_form import FINGERPRINT, finish_reason, usage_of
from gateway.openai.generation import Generation, parameter
from gateway.openai.logprobs import of_completion
from gateway.openai.parameters import only, read, unsupported
from gateway.openai.parsed_request import ParsedRequest
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.kinds.generate import TextResult
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.options import Whole
from llamaq.vocabulary.wire import dumps

REFUSED: dict[str, str] = {}
_NO_TOKENS = "Ollama takes texts, not lists of tokens"


class Completion(Generation):
    """The parameters."""

    prompt: Any = None
    suffix: str | None = None
    logprobs: Annotated[Whole, Field(ge=0, le=20)] | None = None
    echo: Annotated[bool, only(False, reason="join the prompt and the answer yourself")] = False
    best_of: Annotated[int, only(1, reason="Ollama gives one answer; send the request again for another")] = 1


def read_completion(body: Any) -> ParsedRequest:
    """What a completion asks for.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
    """
    given = read(Completion, body, REFUSED)
    given.check_stream_options()
    return ParsedRequest(
        job=given.job(
            "generate",
            prompt=_prompt(given.prompt),
            suffix=given.suffix,
            options=given.options(given.max_tokens),
            stream=given.stream,
            logprobs=None if given.logprobs is None else True,
            top_logprobs=given.logprobs or None,
        ),
        form=CompletionForm(given.model, given.include_usage, given.echoed),
        stream=given.stream,
        parameter=lambda name: parameter(name) or name,
    )


def _prompt(given: Any) -> str:
    match given:
        case str():
            return given
        case [str() as one]:
            return one
        case [str(), *_]:
            raise unsupported("prompt", "Ollama takes one prompt at a time: send a request for each")
        case [int() | list(), *_]:
            raise unsupported("prompt", _NO_TOKENS)
        case None:
            raise InvalidRequest.of("prompt", "it is missing", "missing_required_parameter")
    raise InvalidRequest.of("prompt", "give a text", "invalid_type")


@dataclass(frozen=True, slots=True)
class CompletionForm:
    """The form of the answer: `model` as the request wrote it, and `echoed` members that come from it."""

    model: str
    include_usage: bool
    echoed: dict[str, Any] = field(default_factory=dict)

    def whole(self, job_id: str, created: int, result: Result) -> dict[str, Any]:
        """The body of a `text_completion`."""
        if not isinstance(result, TextResult):
            raise TypeError(f"a completion has another result: {type(result).__name__}")
        choice = {
            "text": result.text,
            "index": 0,
            "logprobs": of_completion(result.logprobs),
            "finish_reason": finish_reason(result),
        }
        return {**self.head(job_id, created), "choices": [choice], "usage": usage_of(result)}

    def chunks(self, job_id: str, created: int) -> "CompletionChunks":
        """The chunks of a stream."""
        return CompletionChunks(self, self.head(job_id, created))

    def head(self, job_id: str, created: int) -> dict[str, Any]:
        """The members of an answer and of each chunk."""
        head = {"id": f"cmpl-{job_id}", "object": "text_completion", "created": created, "model": self.model}
        return {**head, "system_fingerprint": FINGERPRINT, **self.echoed}


class CompletionChunks:
    """The chunks of one stream. Thinking has no place in them."""

    def __init__(self, form: CompletionForm, head: dict[str, Any]) -> None:
        self._head = dumps(head)[:-1]
        self._include_usage = form.include_usage
        self._offset = 0
        self._usage = ',"usage":null}' if form.include_usage else "}"

    def opening(self) -> list[str]:
        """There are no chunks before the first piece."""
        return []

    def piece(self, delta: Piece) -> list[str]:
        """One chunk for a text."""
        if not delta.logprobs:
            return [self.text(delta.text)] if delta.text else []
        chunk = self._chunk(delta.text or "", logprobs=of_completion(delta.logprobs, self._offset))
        self._offset += len(delta.text or "")
        return [chunk]

    def text(self, said: str) -> str:
        """One chunk."""
        self._offset += len(said)
        return self._chunk(said)

    def closing(self, result: Result) -> list[str]:
        """The reason of the end, and the figures where they were asked for."""
        closing = [self._chunk("", finish_reason(result))]
        if self._include_usage:
            closing.append(f'{self._head},"choices":[],"usage":{dumps(usage_of(result))}}}')
        return closing

    def _chunk(self, text: str, reason: str | None = None, logprobs: dict[str, Any] | None = None) -> str:
        end = "null" if reason is None else f'"{reason}"'
        tokens = "null" if logprobs is None else dumps(logprobs)
        choice = f'{{"text":{dumps(text)},"index":0,"logprobs":{tokens},"finish_reason":{end}}}'
        return f'{self._head},"choices":[{choice}]{self._usage}'

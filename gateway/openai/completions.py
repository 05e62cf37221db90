"""`/v1/completions`, the older endpoint: one prompt, one text."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from gateway.openai.answer_form import FINGERPRINT, finish_reason, usage_of
from gateway.openai.generation import Generation, parameter_of
from gateway.openai.logprobs import completion_logprobs
from gateway.openai.parameters import only, read_parameters, unsupported
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
    """Read what a completion asks for.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
    """
    given = read_parameters(Completion, body, REFUSED)
    given.check_stream_options()
    return ParsedRequest(
        job=given.build_job(
            "generate",
            prompt=_read_prompt(given.prompt),
            suffix=given.suffix,
            options=given.build_options(given.max_tokens),
            stream=given.stream,
            logprobs=None if given.logprobs is None else True,
            top_logprobs=given.logprobs or None,
        ),
        form=CompletionForm(given.model, given.include_usage, given.echoed),
        stream=given.stream,
        parameter=lambda name: parameter_of(name) or name,
    )


def _read_prompt(given: Any) -> str:
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

    def render_body(self, job_id: str, created: int, result: Result) -> dict[str, Any]:
        """Render the body of a `text_completion`."""
        if not isinstance(result, TextResult):
            raise TypeError(f"a completion has another result: {type(result).__name__}")
        choice = {
            "text": result.text,
            "index": 0,
            "logprobs": completion_logprobs(result.logprobs),
            "finish_reason": finish_reason(result),
        }
        return {**self.build_head(job_id, created), "choices": [choice], "usage": usage_of(result)}

    def chunks(self, job_id: str, created: int) -> "CompletionChunks":
        """The chunks of a stream."""
        return CompletionChunks(self, self.build_head(job_id, created))

    def build_head(self, job_id: str, created: int) -> dict[str, Any]:
        """Build the members of an answer and of each chunk."""
        head = {"id": f"cmpl-{job_id}", "object": "text_completion", "created": created, "model": self.model}
        return {**head, "system_fingerprint": FINGERPRINT, **self.echoed}


class CompletionChunks:
    """The chunks of one stream. Thinking has no place in them."""

    def __init__(self, form: CompletionForm, head: dict[str, Any]) -> None:
        self._head = dumps(head)[:-1]
        self._include_usage = form.include_usage
        self._offset = 0
        self._usage = ',"usage":null}' if form.include_usage else "}"

    def render_opening(self) -> list[str]:
        """Render nothing: there are no chunks before the first piece."""
        return []

    def render_piece(self, delta: Piece) -> list[str]:
        """Render one chunk for a text."""
        if not delta.logprobs:
            return [self.render_text(delta.text)] if delta.text else []
        chunk = self._render_chunk(delta.text or "", logprobs=completion_logprobs(delta.logprobs, self._offset))
        self._offset += len(delta.text or "")
        return [chunk]

    def render_text(self, said: str) -> str:
        """Render one chunk."""
        self._offset += len(said)
        return self._render_chunk(said)

    def render_closing(self, result: Result) -> list[str]:
        """Render the reason of the end, and the figures where they were asked for."""
        closing = [self._render_chunk("", finish_reason(result))]
        if self._include_usage:
            closing.append(f'{self._head},"choices":[],"usage":{dumps(usage_of(result))}}}')
        return closing

    def _render_chunk(self, text: str, reason: str | None = None, logprobs: dict[str, Any] | None = None) -> str:
        end = "null" if reason is None else f'"{reason}"'
        tokens = "null" if logprobs is None else dumps(logprobs)
        choice = f'{{"text":{dumps(text)},"index":0,"logprobs":{tokens},"finish_reason":{end}}}'
        return f'{self._head},"choices":[{choice}]{self._usage}'

"""Renders Ollama's answers: lines of a stream and whole bodies, as JSON. Durations are in nanoseconds."""

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.ollama.parsed_request import Endpoint, ParsedRequest
from llamaq import ChatResult, EmbeddingResult, TextResult
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.kinds.result import Result
from ollama_api.encoding import encode_json, encode_text, format_timestamp

NANOSECONDS = 1_000_000_000
_MESSAGE = '"message":{"role":"assistant","content":'


def text_line_renderer(parsed: ParsedRequest) -> Callable[[str], bytes]:
    """Make a renderer of pieces that are text alone: the same line as `render_piece`, several times as fast."""
    before, after = ('"response":', "") if parsed.endpoint == "generate" else (_MESSAGE, "}")
    head, before, after = (
        f'{{"model":{encode_text(parsed.model)},"created_at":"',
        f'",{before}',
        f'{after},"done":false}}\n',
    )
    return lambda said: f"{head}{format_timestamp()}{before}{encode_text(said)}{after}".encode()


def render_piece(parsed: ParsedRequest, delta: Piece) -> Iterator[str]:
    """Render the lines of a piece: thinking, text and tool calls have one each, as Ollama sends them."""
    parts = [("thinking", delta.thinking), ("text", delta.text), ("tool_calls", delta.tool_calls)]
    contents: list[dict[str, Any]] = [{name: value} for name, value in parts if value]
    if delta.logprobs and not contents:
        contents = [{}]
    for index, part in enumerate(contents):
        beside = {"logprobs": delta.logprobs} if delta.logprobs and index == len(contents) - 1 else {}
        yield _render_line(parsed, {**_answer_fields(parsed.endpoint, **part), "done": False, **beside})


def render_last_line(parsed: ParsedRequest, result: Result, waited_seconds: float) -> str:
    """Render the last line of a stream."""
    return _render_line(parsed, {**_answer_fields(parsed.endpoint), **_end_fields(result, waited_seconds)})


def render_body(parsed: ParsedRequest, result: Result, waited_seconds: float) -> str:
    """Render the body of an answer that is not streamed."""
    match result:
        case EmbeddingResult():
            return _render_vectors(parsed, result, waited_seconds)
        case ChatResult(message=message):
            fields = _answer_fields(parsed.endpoint, message.content, message.thinking, message.tool_calls)
        case TextResult(text=text, thinking=thinking):
            fields = _answer_fields(parsed.endpoint, text, thinking)
        case _:
            raise TypeError(type(result))
    logprobs = {"logprobs": result.logprobs} if result.logprobs else {}
    return _render_line(parsed, {**fields, **_end_fields(result, waited_seconds), **logprobs})


def render_empty(parsed: ParsedRequest) -> str:
    """Render the answer to a request that has nothing to answer: the model is loaded, or unloaded."""
    match parsed.endpoint:
        case "embed":
            return encode_json({"model": parsed.model, "embeddings": []})
        case "embeddings":
            return encode_json({"embedding": []})
    return _render_line(parsed, {**_answer_fields(parsed.endpoint), "done": True, "done_reason": parsed.does})


def _render_line(parsed: ParsedRequest, fields: Mapping[str, Any]) -> str:
    return encode_json({"model": parsed.model, "created_at": format_timestamp(), **fields})


def _answer_fields(
    endpoint: Endpoint, text: str = "", thinking: str | None = None, tool_calls: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    thought = {"thinking": thinking} if thinking else {}
    if endpoint == "generate":
        return {"response": text, **thought}
    calls = {"tool_calls": tool_calls} if tool_calls else {}
    return {"message": {"role": "assistant", "content": text, **thought, **calls}}


def _end_fields(result: Result, waited_seconds: float) -> dict[str, Any]:
    context = getattr(result, "context", None)
    figures = {
        "done_reason": result.done_reason,
        "context": context,
        "total_duration": _nanoseconds(waited_seconds),
        "load_duration": _nanoseconds(result.timings.load),
        "prompt_eval_count": result.usage.prompt_tokens,
        "prompt_eval_duration": _nanoseconds(result.timings.prompt),
        "eval_count": result.usage.output_tokens,
        "eval_duration": _nanoseconds(result.timings.output),
    }
    return {"done": True, **_without_zeros(figures)}


def _render_vectors(parsed: ParsedRequest, result: EmbeddingResult, waited_seconds: float) -> str:
    if parsed.endpoint == "embeddings":
        # Ollama's older answer has float64: the same vector with the digits that its float32 comes to.
        vector = result.embeddings[0]
        layout = f"{len(vector)}f"
        return encode_json({"embedding": struct.unpack(layout, struct.pack(layout, *vector))})
    figures = {
        "total_duration": _nanoseconds(waited_seconds),
        "load_duration": _nanoseconds(result.timings.load),
        "prompt_eval_count": result.usage.prompt_tokens,
    }
    return encode_json({"model": parsed.model, "embeddings": result.embeddings, **_without_zeros(figures)})


def _without_zeros(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what Ollama does not write: fields that are zero."""
    return {name: value for name, value in fields.items() if value}


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * NANOSECONDS)

"""What a request asks for: the job, or the load or the unload of a model. Without any I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.ollama import model_names
from ollama_api import bodies
from ollama_api.decoding import Json
from ollama_api.encoding import encode_json, quote
from ollama_api.options import read_options
from ollama_api.refusal import Refusal

Endpoint = Literal["generate", "chat", "embed", "embeddings"]
LONGEST_SECONDS = 86_400.0
"""Ollama has no limit for an answer that goes on: `stall_after` and `first_token_within` end those that do not."""
MOST_TOP_LOGPROBS = 20
_EMPTY_AMONG = "input exceeds maximum context length and cannot be truncated further"


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What a request asks for.

    Attributes:
        endpoint: the endpoint, which decides the form and the errors of the answer.
        model: the name as it was written, which answers repeat.
        does: `answer`; `load` or `unload` where there is nothing to answer; or `refuse`.
        job: what `submit` takes; for `load` only the fields that a load has too.
        stream: whether the answer is to be streamed.
        refusal: for `refuse`: the error, unless the model is unknown, which Ollama checks first.
    """

    endpoint: Endpoint
    model: str
    does: Literal["answer", "load", "unload", "refuse"]
    job: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False
    refusal: Refusal | None = None


def read_generate(raw: bytes) -> ParsedRequest:
    """Read what a request to `/api/generate` asks for. Each reader raises `Refusal` for Ollama's first fault."""
    body = bodies.generate(raw)
    _check_answer(body)
    model = model_names.check_name(body.get("model", ""), Refusal(404, "model '' not found"))
    if not body.get("prompt") and body.get("keep_alive") == 0:
        return ParsedRequest("generate", model, "unload")
    return _read_request("generate", body, _generate_job, empty=not body.get("prompt"))


def read_chat(raw: bytes) -> ParsedRequest:
    """Read what a request to `/api/chat` asks for."""
    body = bodies.chat(raw)
    _check_answer(body)
    model = model_names.check_name(body.get("model", ""), Refusal(400, "model is required"))
    if not body.get("messages") and body.get("keep_alive") == 0:
        return ParsedRequest("chat", model, "unload")
    return _read_request("chat", body, _chat_job, empty=not body.get("messages"))


def read_embed(raw: bytes) -> ParsedRequest:
    """Read what a request to `/api/embed` asks for."""
    body = bodies.embed(raw)
    model_names.check_name(body.get("model", ""), Refusal(404, "model '' not found"))
    given = body.get("input", "")
    if not isinstance(given, str | list) or not all(isinstance(text, str) for text in given):
        raise Refusal(400, "invalid input type")
    return _read_request("embed", body, _embed_job, empty=not given)


def read_embeddings(raw: bytes) -> ParsedRequest:
    """Read what a request to `/api/embeddings` asks for."""
    body = bodies.embeddings(raw)
    model_names.check_name(body.get("model", ""), Refusal(400, "model is required"))
    return _read_request("embeddings", body, _embeddings_job, empty=not body.get("prompt"))


READERS: Mapping[Endpoint, Callable[[bytes], ParsedRequest]] = {
    "generate": read_generate,
    "chat": read_chat,
    "embed": read_embed,
    "embeddings": read_embeddings,
}


def _check_answer(body: Json) -> None:
    if not 0 <= body.get("top_logprobs", 0) <= MOST_TOP_LOGPROBS:
        raise Refusal(400, f"top_logprobs must be between 0 and {MOST_TOP_LOGPROBS}")
    if body.get("_debug_render_only"):
        raise Refusal(400, "_debug_render_only: a job of the queue is answered by a model")


def _read_request(
    endpoint: Endpoint, body: Json, build_job: Callable[[Json], dict[str, Any]], *, empty: bool
) -> ParsedRequest:
    """Read what is asked for, once the model has a name. An empty request loads it."""
    model, stream = body["model"], endpoint in ("generate", "chat") and body.get("stream", True)
    try:
        if endpoint == "generate":
            _check_raw(body)
        common = {
            "model": model,
            "options": read_options(body.get("options", {})) or None,
            "keep_alive": body.get("keep_alive"),
        }
        if empty:
            return ParsedRequest(endpoint, model, "load", common)
        return ParsedRequest(endpoint, model, "answer", common | build_job(body), stream)
    except Refusal as refusal:
        return ParsedRequest(endpoint, model, "refuse", stream=stream, refusal=refusal)


def _check_raw(body: Json) -> None:
    if body.get("raw") and (body.get("template") or body.get("system") or body.get("context")):
        raise Refusal(400, "raw mode does not support template, system, or context")


def _generate_job(body: Json) -> dict[str, Any]:
    texts = {name: body.get(name) or None for name in ("suffix", "system", "template", "raw", "images")}
    # An empty context asks for one in the result. With `raw` Ollama gives none.
    context = None if body.get("raw") else body.get("context", [])
    return {"kind": "generate", "prompt": body["prompt"], "context": context, **texts, **_shared_fields(body)}


def _chat_job(body: Json) -> dict[str, Any]:
    return {"kind": "chat", "messages": body["messages"], "tools": body.get("tools") or None, **_shared_fields(body)}


def _embed_job(body: Json) -> dict[str, Any]:
    if isinstance(body["input"], list) and "" in body["input"]:
        raise Refusal(400, _EMPTY_AMONG)
    dimensions = max(body.get("dimensions", 0), 0) or None
    truncate = body.get("truncate", True)
    return {"kind": "embedding", "input": body["input"], "dimensions": dimensions, "truncate": truncate}


def _embeddings_job(body: Json) -> dict[str, Any]:
    return {"kind": "embedding", "input": body["prompt"]}


def _shared_fields(body: Json) -> dict[str, Any]:
    """The fields that `generate` and `chat` share, with Ollama's defaults."""
    return {
        "stream": body.get("stream", True),
        "format": _check_format(body.get("format")),
        "think": body.get("think"),
        "truncate": body.get("truncate", True),
        "shift": body.get("shift"),
        "logprobs": body.get("logprobs") or None,
        "top_logprobs": body.get("top_logprobs") or None,
        "repetition_guard": False,
        "deadline": LONGEST_SECONDS,
    }


def _check_format(given: Any) -> Any:
    if given is None or given == "":
        return None
    if given == "json" or isinstance(given, dict):
        return given
    what = f'invalid format: {quote(encode_json(given))}; expected "json" or a valid JSON Schema object'
    raise Refusal(500, what, late=True)

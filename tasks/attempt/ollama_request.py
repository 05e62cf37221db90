"""One request to Ollama: makes its body, and reads the answer as it arrives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from api_client import Chunk
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.request import Request
from tasks.attempt.context import AttemptContext

NANOSECONDS = 1e9
Piece = tuple[str, str, list[dict[str, Any]] | None]
"""Text, thinking and tool calls of one chunk."""


@dataclass(slots=True)
class Reply:
    """A whole answer. `stats` is Ollama's last line: counts, and durations in nanoseconds."""

    text: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    stats: Chunk = field(default_factory=dict)

    @property
    def done_reason(self) -> str | None:
        """`stop`, or `length` where a limit cut the answer."""
        return self.stats.get("done_reason")

    def message(self) -> dict[str, Any]:
        """The assistant's message, as on the wire."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.thinking:
            message["thinking"] = self.thinking
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message


def payload(request: Request, **fields: Any) -> dict[str, Any]:
    """The body for Ollama: the common fields that were set, and the kind's own that are not None."""
    common = {
        "model": request.model,
        "options": request.options.model_dump(exclude_none=True) or None,
        "keep_alive": request.keep_alive,
        "think": request.think,
    }
    # Without truncate:false Ollama silently cuts a prompt that is too long.
    body = {"stream": True, "truncate": False, **common, **fields}
    return {name: value for name, value in body.items() if value is not None}


def ask(endpoint: Endpoint, context: AttemptContext, request: Request, body: dict[str, Any]) -> Reply:
    """Send a body to one of Ollama's endpoints, and write events as the answer arrives.

    Control tokens in the body are escaped first, by the text rules of the request's fields.

    Raises:
        OllamaError: as `api_client.Stream` does.
        AttemptStopped: the attempt was stopped before the call.
    """
    ollama = context.ollama
    send: Callable[..., Any] = {
        Endpoint.GENERATE: ollama.generate,
        Endpoint.CHAT: ollama.chat,
        Endpoint.EMBED: ollama.embed,
    }[endpoint]
    call = send(
        context.input_policy.escaped(request, body),
        first_byte_timeout_seconds=request.first_token_within,
        stall_timeout_seconds=request.stall_after,
    )
    if endpoint is Endpoint.EMBED:
        with context.attempt.during(call), call:
            return Reply(stats=call.result())
    return _read_stream(context, call, _from_chat if endpoint is Endpoint.CHAT else _from_generate)


def _read_stream(context: AttemptContext, stream: Any, piece_of: Callable[[Chunk], Piece]) -> Reply:
    reply = Reply()
    texts: list[str] = []
    thoughts: list[str] = []
    delta = context.events.delta
    with context.attempt.during(stream), stream, context.silence() as answer_arrives:
        for chunk in stream:
            text, thinking, tool_calls = piece_of(chunk)
            if text or thinking or tool_calls:
                delta(text, thinking, tool_calls)
                if text:
                    texts.append(text)
                if thinking:
                    thoughts.append(thinking)
                if tool_calls:
                    reply.tool_calls += tool_calls
                answer_arrives()
            if chunk.get("done"):
                reply.stats = chunk
    reply.text, reply.thinking = "".join(texts), "".join(thoughts)
    return reply


def _from_generate(chunk: Chunk) -> Piece:
    return chunk.get("response") or "", chunk.get("thinking") or "", None


def _from_chat(chunk: Chunk) -> Piece:
    message = chunk.get("message") or {}
    return message.get("content") or "", message.get("thinking") or "", message.get("tool_calls")


def total(replies: Iterable[Reply], count: str) -> int | None:
    """The sum of one of Ollama's figures over several answers; None where none has it."""
    figures = [reply.stats[count] for reply in replies if reply.stats.get(count) is not None]
    return sum(figures) if figures else None

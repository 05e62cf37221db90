"""One question to Ollama: the payload, and the answer as it arrives."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from api_client import Chunk, Stream
from llamaq.vocabulary.requests import Request
from tasks.attempt.services import Services

NANOSECONDS = 1e9


@dataclass(slots=True)
class Reply:
    """A whole answer. `stats` is Ollama's last line: counts, and durations in nanoseconds."""

    text: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    stats: Chunk = field(default_factory=dict)

    @property
    def done_reason(self) -> str | None:
        """`stop`, or `length` when a limit cut the answer."""
        return self.stats.get("done_reason")

    def message(self) -> dict[str, Any]:
        """The assistant's message, in the wire's shape."""
        said: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.thinking:
            said["thinking"] = self.thinking
        if self.tool_calls:
            said["tool_calls"] = self.tool_calls
        return said


def payload(request: Request, **fields: Any) -> dict[str, Any]:
    """The body for Ollama: the common fields that were set, and the kind's own that are not None."""
    common = {
        "model": request.model,
        "options": request.options.model_dump(exclude_none=True) or None,
        "keep_alive": request.keep_alive,
        "think": request.think,
    }
    # Without truncate:false Ollama cuts an over-long prompt without a word; the answer would rest on half the question.
    body = {"stream": True, "truncate": False, **common, **fields}
    return {name: value for name, value in body.items() if value is not None}


def generate(services: Services, request: Request, body: dict[str, Any]) -> Reply:
    """Ask `/api/generate`. Raises as `api_client.Stream`, and `AttemptStopped`."""
    return _read(
        services, _limited(services.ollama.generate, request, services.screening.neutral(body)), _from_generate
    )


def chat(services: Services, request: Request, body: dict[str, Any]) -> Reply:
    """Ask `/api/chat`. Raises as `api_client.Stream`, and `AttemptStopped`."""
    return _read(services, _limited(services.ollama.chat, request, services.screening.neutral(body)), _from_chat)


def _limited(ask: Any, request: Request, body: dict[str, Any]) -> Stream:
    stream: Stream = ask(
        body, first_byte_timeout_seconds=request.first_token_within, stall_timeout_seconds=request.stall_after
    )
    return stream


def _read(services: Services, stream: Stream, said: Any) -> Reply:
    reply = Reply()
    pieces: list[str] = []
    thoughts: list[str] = []
    delta = services.events.delta
    with services.attempt.during(stream), stream, services.patience() as over:
        for chunk in stream:
            text, thinking, tool_calls = said(chunk)
            if text or thinking or tool_calls:
                delta(text, thinking, tool_calls)
                if text:
                    pieces.append(text)
                if thinking:
                    thoughts.append(thinking)
                if tool_calls:
                    reply.tool_calls += tool_calls
                over()
            if chunk.get("done"):
                reply.stats = chunk
    reply.text, reply.thinking = "".join(pieces), "".join(thoughts)
    return reply


def _from_generate(chunk: Chunk) -> tuple[str, str, list[dict[str, Any]] | None]:
    return chunk.get("response") or "", chunk.get("thinking") or "", None


def _from_chat(chunk: Chunk) -> tuple[str, str, list[dict[str, Any]] | None]:
    message = chunk.get("message") or {}
    return message.get("content") or "", message.get("thinking") or "", message.get("tool_calls")


def total(replies: Iterable[Reply], count: str) -> int | None:
    """The sum of one of Ollama's figures over several answers; None where none gave it."""
    figures = [reply.stats[count] for reply in replies if isinstance(reply.stats.get(count), int)]
    return sum(figures) if figures else None

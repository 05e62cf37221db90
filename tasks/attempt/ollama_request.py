"""One request to Ollama: makes its body, and reads the answer as it arrives."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from api_client import FIRST_BYTE_TIMEOUT_SECONDS, STALL_TIMEOUT_SECONDS, Chunk
from llamaq.vocabulary.conversations import MessageObject
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.request import AnswerRequest, Request
from tasks.attempt.context import AttemptContext, Events
from tasks.attempt.repetition import RepetitionGuard
from tasks.attempt.thinking import ThinkingSplitter

NANOSECONDS = 1e9
REPETITION = "repetition"
"""The `done_reason` of an answer that repeated itself, and was ended here."""
Objects = list[dict[str, Any]]
Piece = tuple[str, str, Objects | None]
"""Text, thinking and tool calls of one chunk."""


@dataclass(slots=True)
class Reply:
    """A whole answer. `stats` is Ollama's last line: counts, and durations in nanoseconds."""

    text: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    stats: Chunk = field(default_factory=dict)

    @property
    def done_reason(self) -> str | None:
        """`stop`, `length` where a limit cut the answer, or `REPETITION`."""
        return self.stats.get("done_reason")

    def message(self) -> dict[str, Any]:
        """The assistant's message, as on the wire."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.thinking:
            message["thinking"] = self.thinking
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message


def build_body(request: Request, **fields: Any) -> dict[str, Any]:
    """Build the body for Ollama: the common fields that were set, and the kind's own that are not None."""
    options = request.options
    common = {
        "model": request.model,
        "options": (options.model_fields_set and options.model_dump(exclude_none=True)) or None,
        "keep_alive": request.keep_alive,
        "think": request.think,
    }
    if isinstance(request, AnswerRequest):
        common |= {"shift": request.shift, "logprobs": request.logprobs, "top_logprobs": request.top_logprobs}
    # Without truncate:false Ollama silently cuts a prompt that is too long.
    body = {"stream": True, "truncate": bool(getattr(request, "truncate", None)), **common, **fields}
    return {name: value for name, value in body.items() if value is not None}


def insert_images(messages: Iterable[MessageObject], context: AttemptContext) -> list[MessageObject]:
    """Put base64 in place of the references of the messages' images.

    Raises:
        ImageGone: an image is no longer stored.
    """
    return [
        {**message, "images": [context.image(reference) for reference in message["images"]]}
        if message.get("images")
        else message
        for message in messages
    ]


def ask(endpoint: Endpoint, context: AttemptContext, request: Request, body: dict[str, Any]) -> Reply:
    """Send a body to one of Ollama's endpoints, and write events as the answer arrives.

    Control tokens in the body are escaped first, by the text rules of the request's fields.

    Raises:
        OllamaError: as `api_client.Stream` does.
        AttemptStopped: the attempt was stopped before the call.
    """
    ollama = context.ollama
    can_think = context.can_think(request.model)
    held_back = _held_back_parts(body, can_think=can_think)
    # Where Ollama may hold an answer back until it is whole, its silence may last as long as before a first token.
    stall_after = request.stall_after or (FIRST_BYTE_TIMEOUT_SECONDS if held_back else STALL_TIMEOUT_SECONDS)
    send: Callable[..., Any] = {
        Endpoint.GENERATE: ollama.generate,
        Endpoint.CHAT: ollama.chat,
        Endpoint.EMBED: ollama.embed,
    }[endpoint]
    call = send(
        {**context.input_policy.escape_body(request, body), "model": context.own_name(request.model)},
        first_byte_timeout_seconds=request.first_token_within,
        stall_timeout_seconds=stall_after,
    )
    if endpoint is Endpoint.EMBED:
        with context.attempt.track_call(call), call:
            return Reply(stats=call.result())
    with context.attempt.track_call(call), call, context.silence(held_back) as arrives:
        piece_of = _read_chat_piece if endpoint is Endpoint.CHAT else _read_generate_piece
        split = can_think and not body.get("raw")
        answer = _Answer(context.events, piece_of, arrives, guarded=request.repetition_guard, split=split)
        call.each(answer)
        return answer.finish()


def _held_back_parts(body: dict[str, Any], *, can_think: bool) -> Sequence[str]:
    """What Ollama may hold back until it is whole: its parsers wait for the end of a call, a value or a thought."""
    parts = {
        "tool_call": body.get("tools"),
        "structured_output": body.get("format"),
        "thinking": can_think and body.get("think") is not False,
    }
    return [name for name, asked_for in parts.items() if asked_for]


class _Answer:
    """An answer that is being read: what takes the lines of its stream.

    Attributes:
        is_full: whether too much waits to be written.
    """

    def __init__(
        self,
        events: Events,
        piece_of: Callable[[Chunk], Piece],
        arrives: Callable[[], None],
        *,
        guarded: bool,
        split: bool,
    ) -> None:
        self._events = events
        self.is_full = events.is_full
        self._piece_of = piece_of
        self._arrives: Callable[[], None] | None = arrives
        self._splitter = ThinkingSplitter() if split else None
        self._guards = (RepetitionGuard(), RepetitionGuard()) if guarded else None
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._tool_calls: Objects = []
        self._logprobs: Objects = []
        self._stats: Chunk = {"done_reason": REPETITION}

    def take(self, chunk: Chunk) -> bool:
        """Take one line. No more is wanted of an answer that repeats itself; then the connection is closed."""
        text, thinking, tool_calls = self._piece_of(chunk)
        logprobs = chunk.get("logprobs")
        if text or thinking or tool_calls or logprobs:
            said = (text, thinking) if self._splitter is None else self._splitter.split_piece(text, thinking)
            self._write(*said, tool_calls, logprobs)
            if self._arrives is not None:
                self._arrives()
                self._arrives = None
        if chunk.get("done"):
            self._stats = chunk
            return True
        return not self._repeats(text, thinking)

    def finish(self) -> Reply:
        """Return the whole answer, after its last line."""
        if self._splitter is not None:
            self._write(*self._splitter.flush())
        return Reply("".join(self._texts), "".join(self._thoughts), self._tool_calls, self._logprobs, self._stats)

    def _write(
        self, text: str, thinking: str, tool_calls: Objects | None = None, logprobs: Objects | None = None
    ) -> None:
        if not (text or thinking or tool_calls or logprobs):
            return
        self._events.delta(text, thinking, tool_calls, logprobs)
        if text:
            self._texts.append(text)
        if thinking:
            self._thoughts.append(thinking)
        if tool_calls:
            self._tool_calls += tool_calls
        if logprobs:
            self._logprobs += logprobs

    def _repeats(self, text: str, thinking: str) -> bool:
        if self._guards is None:
            return False
        of_text, of_thinking = self._guards
        return (bool(text) and of_text.repeats(text)) or (bool(thinking) and of_thinking.repeats(thinking))


def _read_generate_piece(chunk: Chunk) -> Piece:
    return chunk.get("response") or "", chunk.get("thinking") or "", None


def _read_chat_piece(chunk: Chunk) -> Piece:
    message = chunk.get("message") or {}
    return message.get("content") or "", message.get("thinking") or "", message.get("tool_calls")


def logprobs_of(reply: Reply) -> dict[str, Objects]:
    """The field `logprobs` of a result; none where there are none."""
    return {"logprobs": reply.logprobs} if reply.logprobs else {}


def sum_figures(replies: Iterable[Reply], count: str) -> int | None:
    """Sum one of Ollama's figures over several answers; None where none has it."""
    figures = [reply.stats[count] for reply in replies if reply.stats.get(count) is not None]
    return sum(figures) if figures else None

"""Results and pieces of jobs, as the queue gives them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.kinds.chat import ChatResult, ReplyMessage
from llamaq.vocabulary.kinds.result import Usage

JOB = "0a1b2c3d-0000-4000-8000-00000000000f"
USAGE = Usage(prompt_tokens=7, output_tokens=2)
COMMON: dict[str, Any] = {"model": "m:latest", "host": "h", "attempts": 1, "usage": USAGE}


def chat_result(content: str, *, done_reason: str = "stop", logprobs: Any = None, **message: Any) -> ChatResult:
    """A chat's result with a message of the assistant."""
    reply = ReplyMessage(role="assistant", content=content, **message)
    return ChatResult(message=reply, done_reason=done_reason, logprobs=logprobs, **COMMON)


def delta(text: str | None = None, **more: Any) -> Piece:
    """A piece of an answer."""
    return Piece("1-0", "", text, **more)


def parse_chunks(*chunks: Sequence[str]) -> list[dict[str, Any]]:
    """Parse the chunks."""
    return [json.loads(chunk) for part in chunks for chunk in part]


def join_arguments(calls: Iterable[Mapping[str, Any]]) -> str:
    """Join the arguments out of the parts of a call."""
    return "".join(call["function"]["arguments"] for call in calls)

"""The JSON objects Ollama answers a generate or chat request with."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from embedded.engine.interface import Call, Json, Outcome, Piece


def encode(value: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8, as Go writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def format_timestamp(unix_seconds: float) -> str:
    """Format a time by RFC 3339 in UTC, with as many digits as Ollama writes."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def opening_fields(call: Call, now: float) -> Json:
    """The two fields that every line begins with."""
    return {"model": call.name, "created_at": format_timestamp(now)}


def piece_fields(call: Call, piece: Piece) -> Json:
    """The fields of a piece at this endpoint."""
    extra: Json = {"thinking": piece.thinking} if piece.thinking else {}
    if call.kind == "generate":
        return {"response": piece.text, **extra}
    if piece.tool_calls:
        extra["tool_calls"] = list(piece.tool_calls)
    return {"message": {"role": "assistant", "content": piece.text, **extra}}


def piece_line(call: Call, piece: Piece, now: float) -> Json:
    """One line of a stream, before the last."""
    return {**opening_fields(call, now), **piece_fields(call, piece), "done": False}


def last_line(call: Call, piece: Piece, outcome: Outcome, now: float, took: tuple[int, int]) -> Json:
    """The last line of a stream, or the whole answer when it does not stream.

    Args:
        call: The request.
        piece: What goes along: empty in a stream, everything otherwise.
        outcome: How it ended.
        now: Unix seconds.
        took: The whole time and the part of it for loading, nanoseconds.
    """
    context = {"context": list(outcome.context)} if outcome.context and call.kind == "generate" else {}
    return {
        **opening_fields(call, now),
        **piece_fields(call, piece),
        "done": True,
        "done_reason": outcome.done_reason,
        **context,
        "total_duration": took[0],
        "load_duration": took[1],
        "prompt_eval_count": outcome.prompt_tokens,
        "prompt_eval_duration": outcome.prompt_ns,
        "eval_count": outcome.output_tokens,
        "eval_duration": outcome.output_ns,
        **outcome.extra,
    }


def bare_line(call: Call, done_reason: str, now: float) -> Json:
    """The answer to a request that only loads or unloads: no counts, no durations."""
    return {**opening_fields(call, now), **piece_fields(call, Piece()), "done": True, "done_reason": done_reason}

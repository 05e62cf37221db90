"""Writes a result to stdout, and makes the line of figures below it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from llamaq.cli.terminal.duration import format_seconds, format_size
from llamaq.cli.terminal.screen import Screen
from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.kinds.embedding import EmbeddingResult
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.kinds.generate import TextResult
from llamaq.vocabulary.kinds.load import LoadResult
from llamaq.vocabulary.kinds.pull import PullResult
from llamaq.vocabulary.kinds.unload import UnloadResult
from llamaq.vocabulary.results import AnyResult

_FIRST_NUMBERS = 4


def write(screen: Screen, result: AnyResult) -> None:
    """Write the answer alone: the text, the value as JSON, or one vector on each line."""
    match result:
        case TextResult(text=text):
            screen.write_line(text.removesuffix("\n"))
        case ChatResult(message=message):
            if message.content or not message.tool_calls:
                screen.write_line(message.content.removesuffix("\n"))
            write_tool_calls(screen, message.tool_calls or [])
        case ExtractionResult(value=value):
            screen.write_line(json.dumps(value, ensure_ascii=False, indent=2))
        case EmbeddingResult(embeddings=embeddings):
            for vector in embeddings:
                screen.write_line(_abridge(vector) if screen.terminal else json.dumps(list(vector)))
        case UnloadResult(unloaded=model):
            screen.write_line(f"unloaded {model} on {result.host}")
        case LoadResult(loaded=model):
            screen.write_line(f"loaded {model} on {result.host}")
        case PullResult(pulled=model):
            screen.write_line(
                f"pulled {model} on {result.host}" + (f", {format_size(result.size)}" if result.size else "")
            )


def write_tool_calls(screen: Screen, calls: Sequence[dict[str, Any]]) -> None:
    """Write each call on a line of its own, as JSON."""
    for call in calls:
        screen.end_line()
        screen.write_line(json.dumps(call, ensure_ascii=False))


def figures(result: AnyResult) -> str:
    """The line of figures: host, tokens, speed and times."""
    return " · ".join(_figures(result))


def _figures(result: AnyResult) -> Iterator[str]:
    usage, timings = result.usage, result.timings
    yield f"{result.model} on {result.host}"
    if usage.output_tokens:
        yield f"{usage.output_tokens} tokens"
        if timings.total and timings.first_token is not None and timings.total > timings.first_token:
            yield f"{usage.output_tokens / (timings.total - timings.first_token):.1f} tokens/s"
    for name, value in (("queued", timings.queued), ("first token", timings.first_token), ("total", timings.total)):
        if value is not None:
            yield f"{name} {format_seconds(value)}"
    if result.attempts > 1:
        yield f"{result.attempts} attempts"
    if isinstance(result, ExtractionResult) and result.repairs:
        yield f"{result.repairs} repair{'s' * (result.repairs > 1)}"
    if result.filtered:
        yield f"{sum(result.filtered.values())} characters filtered out"
    if isinstance(result, ChatResult) and result.history_dropped:
        yield f"{result.history_dropped} earlier message{'s' * (result.history_dropped > 1)} left out"
    if result.done_reason == "length":
        yield "cut at the token limit"


def _abridge(vector: Sequence[float]) -> str:
    first = ", ".join(f"{number:.4f}" for number in vector[:_FIRST_NUMBERS])
    return f"[{first}{', …' * (len(vector) > _FIRST_NUMBERS)}] {len(vector)} numbers; piped, all are written"

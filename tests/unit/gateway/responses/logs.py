"""Logs that a test writes itself, and the responses that are built of them."""

import json
from typing import Any

from gateway.responses.builder import Numbered, ResponseBuilder
from gateway.responses.note import Note, read_note
from gateway.responses.parsed_request import History, parse_request, read_request
from llamaq import Event
from llamaq.vocabulary.events import Piece, parse_piece

JOB = "0b9f3c6e-51f5-4a3c-9a70-3f1f6a0c8f11"
AT = 1764343000.5
RESULT = {"model": "m:latest", "host": "h", "attempts": 1, "usage": {"prompt_tokens": 7, "output_tokens": 3}}


def note(**given: Any) -> Note:
    """What is kept of a request."""
    wanted = parse_request(read_request({"model": "m", "input": "hi", **given}), History())
    found = read_note(wanted.job["note"])
    assert found is not None
    return found


def event(kind: str, attempt: int = 1, **members: Any) -> Event | Piece:
    """An event of a log."""
    return parse_piece("1-1", json.dumps({"v": 1, "type": kind, "attempt": attempt, "at": AT, **members}))


def queued() -> Event | Piece:
    return event("queued", 0, position=0)


def started(attempt: int = 1) -> Event | Piece:
    return event("started", attempt, host="h", worker="w")


def delta(attempt: int = 1, **members: Any) -> Event | Piece:
    return event("delta", attempt, **members)


def completed(text: str, **more: Any) -> Event | Piece:
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    return event("completed", result={**RESULT, "message": message, **more})


def failed(code: str = "ollama_error") -> Event | Piece:
    return event("failed", error={"code": code, "message": "no luck", "retryable": False})


def build_events(log: list[Event | Piece], **given: Any) -> tuple[list[Numbered], ResponseBuilder]:
    """Build all events that are made of a log; and the builder behind the last of them."""
    builder = ResponseBuilder(JOB, note(**given))
    return [each for one in log for each in builder.take(one)], builder


def types(found: list[Numbered]) -> list[str]:
    """The types, without the part that all have."""
    return [each.type.removeprefix("response.") for each in found]


def data(found: list[Numbered], kind: str) -> list[dict[str, Any]]:
    """The members of the events of a type."""
    return [json.loads(each.data) for each in found if each.type == f"response.{kind}"]

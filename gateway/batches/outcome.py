"""How one line ended, as it stands in the output file or the error file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.batches.lines import Line
from gateway.http.errors import failure_of, openai_body
from llamaq.vocabulary.wire import JsonObject, dumps

EXPIRED = "This request could not be executed before the completion window expired."
TOO_LARGE = "The output file of the batch is full (LLAMAQ_GATEWAY_MAX_FILE_BYTES): this answer was not kept."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a line ended.

    Attributes:
        file: the file that its text is written to.
        text: the line of that file.
        usage: input tokens and output tokens.
    """

    file: Literal["output", "errors"]
    text: str
    usage: tuple[int, int] = (0, 0)


def answered_line(batch_id: str, line: Line, job_id: str, body: JsonObject) -> Outcome:
    """The outcome of a line that was answered."""
    given: Mapping[str, Any] = body.get("usage") or {}
    usage = (
        _first_count(given, "prompt_tokens", "input_tokens"),
        _first_count(given, "completion_tokens", "output_tokens"),
    )
    response = {"status_code": 200, "request_id": job_id, "body": body}
    return Outcome("output", _render_line(batch_id, line, response=response), usage)


def failed_line(batch_id: str, line: Line, job_id: str, error: BaseException) -> Outcome:
    """The outcome of a line that failed, with the error that a single request would get."""
    failure = failure_of(error)
    response = {"status_code": failure.status, "request_id": job_id, "body": openai_body(failure)}
    return Outcome("errors", _render_line(batch_id, line, response=response))


def dropped_line(batch_id: str, line: Line, code: str, message: str) -> Outcome:
    """The outcome of a line that the batch itself gives up: it expired, or its output file is full."""
    return Outcome("errors", _render_line(batch_id, line, error={"code": code, "message": message}))


def _render_line(batch_id: str, line: Line, response: JsonObject | None = None, error: JsonObject | None = None) -> str:
    number = f"batch_req_{batch_id.removeprefix('batch_')}_{line.number}"
    return dumps({"id": number, "custom_id": line.custom_id, "response": response, "error": error}) + "\n"


def _first_count(usage: Mapping[str, Any], *names: str) -> int:
    return next((int(usage[name]) for name in names if name in usage), 0)

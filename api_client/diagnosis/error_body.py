"""Reads the error that a server reports: Ollama's JSON, another server's, or a proxy's page."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from api_client.shapes.reading import BOM

# Limits the message, which may be a proxy's whole error page.
MESSAGE_LIMIT = 2000
SAID_LIMIT = 4 * MESSAGE_LIMIT

# Quoted spans, longest kinds first: the model's raw text, which may itself hold quotes and is written to its end; JSON;
# quoted words; an open quote. An apostrophe inside a word is none.
_QUOTED = re.compile(
    r"""raw='.*'|raw=.*|\{.*\}|\[.*\]|"(?:[^"\\]|\\.)*"|(?<!\w)'[^']*'(?!\w)|`[^`]*`|(?<!\w)["'`].*""", re.DOTALL
)
_TITLE = re.compile(r"<title>([^<]+)</title>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The error that a server reported, unwrapped.

    Attributes:
        status: The HTTP status, or None for a line of a stream.
        message: The innermost text.
        structured: Whether it came as `{"error": ...}`.
        details: The engine's own error object (`type`, `n_ctx`, ...), or empty.
        retry_after_seconds: From the header, or None.
        said: The text of `error` as it came; None where it was no text.
        signed_out: Whether it tells where Ollama can be signed in to ollama.com.
    """

    status: int | None
    message: str
    structured: bool = True
    details: Mapping[str, Any] | None = None
    retry_after_seconds: float | None = None
    said: str | None = None
    signed_out: bool = False

    def says(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match a pattern at the beginning of the server's own words."""
        return pattern.match(strip_quoted(self.message))


def strip_quoted(message: str) -> str:
    """Strip what a message quotes: an error about a model's answer may quote any words."""
    return _QUOTED.sub(_empty_quoted, message).strip()


def _empty_quoted(quoted: re.Match[str]) -> str:
    return '""' if quoted[0].startswith('"') and quoted[0].endswith('"') else ""


def read_body(status: int, body: bytes, retry_after_seconds: float | None = None) -> ErrorBody:
    """Unwrap the body of an answer whose status is not 200. The body may be any bytes."""
    body = body.removeprefix(BOM)
    answer = _parse_json(body)
    if isinstance(answer, dict) and "error" in answer:
        return parse_error(status, answer["error"], retry_after_seconds, signed_out="signin_url" in answer)
    text = body.decode("utf-8", "replace").strip()
    text = _find_text(answer) or (_read_page(text[:SAID_LIMIT]) if text.startswith("<") else text)
    return ErrorBody(status, text[:MESSAGE_LIMIT], False, None, retry_after_seconds)


def parse_error(
    status: int | None, error: object, retry_after_seconds: float | None = None, *, signed_out: bool = False
) -> ErrorBody:
    """Parse the `error` value of a body, or of a line of a stream."""
    message, details = unwrap_error(error)
    said = error[:SAID_LIMIT] if isinstance(error, str) else None
    return ErrorBody(status, message, True, details, retry_after_seconds, said, signed_out)


def unwrap_error(error: object) -> tuple[str, Mapping[str, Any]]:
    """Unwrap the text and details of an `error` value: a string, JSON inside a string, or the object of /v1."""
    details: Mapping[str, Any] = {}
    for _ in range(4):  # /v1 wraps the engine's error twice; a hostile body could nest without end
        if isinstance(error, str) and error.startswith("{"):
            error = _parse_json(error.encode()) or error
        if not isinstance(error, dict):
            break
        details = error if "message" in error else details
        error = error.get("message", error.get("error", _find_text(error) or str(error)))
    return str(error)[:MESSAGE_LIMIT], details


def _find_text(answer: object) -> str:
    """Find the text of another server's error: its `message`, or FastAPI's `detail`. Empty where it has none."""
    texts = [answer.get("message"), answer.get("detail")] if isinstance(answer, dict) else []
    return next((text for text in texts if isinstance(text, str)), "")


def _read_page(page: str) -> str:
    """Read the title of a proxy's page, or the text between its tags."""
    title = _TITLE.search(page)
    return " ".join(html.unescape(title[1] if title else _TAG.sub(" ", page)).split())


def _parse_json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None  # a proxy's page, a cut body or Go's plain text: the status alone decides then

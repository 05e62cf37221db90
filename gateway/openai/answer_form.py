"""The form of an answer in OpenAI's API: one body, or the chunks of a stream."""

from collections.abc import Sequence
from typing import Any, Protocol

from llamaq.vocabulary.errors import JobFailed
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.results import ErrorInfo

FINGERPRINT = "fp_ollama"


class Chunks(Protocol):
    """The chunks of one stream, each as its JSON."""

    def render_opening(self) -> Sequence[str]:
        """Render those before the first piece."""

    def render_piece(self, delta: Piece) -> Sequence[str]:
        """Render those for a piece of the answer."""

    def render_text(self, said: str) -> str | None:
        """Render the one for a piece that is text alone; None where `render_piece` must do it."""

    def render_closing(self, result: Result) -> Sequence[str]:
        """Render those behind the last piece.

        Raises:
            JobFailed: the answer is not what `strict` promises.
        """


class AnswerForm(Protocol):
    """The form of the answer to one request. `created` is in Unix seconds."""

    def render_body(self, job_id: str, created: int, result: Result) -> dict[str, Any]:
        """Render the body of an answer that is not streamed.

        Raises:
            JobFailed: the answer is not what `strict` promises.
        """

    def chunks(self, job_id: str, created: int) -> Chunks:
        """The chunks of a stream."""


def usage_of(result: Result) -> dict[str, int]:
    """The tokens of a prompt and its answer, as OpenAI counts them; 0 where Ollama gave no count."""
    prompt, output = result.usage.prompt_tokens or 0, result.usage.output_tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}


def finish_reason(result: Result) -> str:
    """`length` where a limit of tokens, or the guard against repetition, ended the answer; else `stop`."""
    return "length" if result.done_reason in {"length", "repetition"} else "stop"


def invalid_output(job_id: str, message: str) -> JobFailed:
    """The error of an answer that does not hold what `strict` promises."""
    return JobFailed(job_id, ErrorInfo(code="invalid_output", message=message, retryable=True))

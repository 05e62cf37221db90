"""The lines of a stream, out of the events of its job."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import pytest

from gateway.ollama.parsed_request import ParsedRequest
from gateway.ollama.serving import Stopwatch, _Lines
from llamaq import ErrorInfo, Event, JobFailed
from llamaq.vocabulary.errors import BrokerUnavailable
from llamaq.vocabulary.events import Cancelled, Completed, Failed, Piece, Queued, Retrying, Started
from llamaq.vocabulary.results import RESULT

ASKED = ParsedRequest("generate", "M", "answer", {}, stream=True)
DONE = Completed(at=0, result=RESULT.validate_python({"text": "ab", "model": "m", "host": "h", "attempts": 1}))
ERROR = ErrorInfo(code="ollama_error", message="the runner died", said="unexpected EOF")


def started(attempt: int) -> Started:
    return Started(at=0, attempt=attempt, host="h", worker="w")


def retrying() -> Retrying:
    return Retrying(at=0, attempt=1, error=ERROR, delay_seconds=1)


def delta(text: str) -> Piece:
    return Piece("1-0", "", text)


class Job:
    """Has these events, and then raises an error."""

    id = "id"

    def __init__(self, events: Sequence[Event | Piece], error: Exception | None = None) -> None:
        self._events = events
        self._error = error
        self.together = False
        self.cancelled: list[str] = []

    async def _pieces(
        self, after: str | None, *, fresh: bool, take_piece: object
    ) -> AsyncGenerator[list[Event | Piece], None]:
        assert after is None
        assert not fresh
        for ready in [list(self._events)] if self.together else [[event] for event in self._events]:
            yield ready
        if self._error is not None:
            raise self._error

    async def cancel(self, reason: str) -> bool:
        self.cancelled.append(reason)
        return True


def lines(job: Job) -> list[dict[str, Any]]:
    """What is sent, without models and times: the same, whether the events come one by one or together."""
    found = _lines(job)
    again = Job(job._events, job._error)
    again.together = True
    assert _lines(again) == found
    assert again.cancelled == job.cancelled
    return found


def _lines(job: Job) -> list[dict[str, Any]]:
    async def read() -> bytes:
        return b"".join([line async for ready in _Lines(cast("Any", job), ASKED, Stopwatch()).read() for line in ready])

    found = [json.loads(line) for line in asyncio.run(read()).splitlines()]
    return [{name: value for name, value in line.items() if name in ("response", "done", "error")} for line in found]


def piece(text: str) -> dict[str, Any]:
    return {"response": text, "done": False}


END = {"response": "", "done": True}


def test_a_job_with_one_attempt() -> None:
    """Its pieces, and the end."""
    job = Job([Queued(at=0, position=1), started(1), delta("a"), delta("b"), DONE])

    assert lines(job) == [piece("a"), piece("b"), END]
    assert job.cancelled == []


@pytest.mark.parametrize(
    ("events", "error", "said"),
    [
        ([started(1), delta("a"), Piece("2-0", "", "b"), DONE], None, [piece("b"), END]),
        ([started(1)], BrokerUnavailable("Redis at x"), "did not answer"),
        ([started(2), DONE], None, "the attempt whose text was sent so far has ended"),
    ],
)
def test_a_piece_that_has_opened_the_answer_is_sent(
    events: Sequence[Event | Piece], error: Exception | None, said: list[dict[str, Any]] | str
) -> None:
    """So there is no line for it, also where Redis has lost it; the request goes on, and an error is a line."""

    async def read() -> list[list[bytes]]:
        found = lines_of(Job(events, error))
        found.direct_writer.opened_by = "1-0"
        return [list(ready) async for ready in found.read()]

    chunks = asyncio.run(read())
    lines = [json.loads(line) for line in b"".join(chunk for ready in chunks for chunk in ready).splitlines()]
    if isinstance(said, str):
        assert said in lines[0]["error"]
    else:
        assert chunks[0] == [b""]
        assert [{name: one[name] for name in ("response", "done")} for one in lines] == said


def lines_of(job: Job) -> _Lines:
    return _Lines(cast("Any", job), ASKED, Stopwatch())


def test_an_attempt_that_has_sent_nothing_is_not_seen() -> None:
    """The next one goes on."""
    assert lines(Job([started(1), retrying(), started(2), delta("ab"), DONE])) == [piece("ab"), END]


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([retrying(), started(2), delta("c"), DONE], "unexpected EOF"),
        ([started(2), delta("c"), DONE], "the attempt whose text was sent so far has ended; send the request again"),
    ],
)
def test_a_later_attempt_ends_the_stream(events: list[Event], error: str) -> None:
    """What was sent is void: the host failed, or its worker was lost, of which no event tells."""
    job = Job([started(1), delta("a"), *events])

    assert lines(job) == [piece("a"), {"error": error}]
    assert len(job.cancelled) == 1


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (Job([delta("a"), Failed(at=0, error=ERROR)]), "unexpected EOF"),
        (Job([delta("a"), Cancelled(at=0, reason="by the operator")]), "by the operator"),
        (Job([delta("a")], BrokerUnavailable("Redis at x")), "Redis did not answer"),
    ],
)
def test_an_end_without_a_result_is_a_line(job: Job, error: str) -> None:
    """The status has been sent."""
    first, last = lines(job)
    assert first == piece("a")
    assert error in last["error"]


def test_before_the_first_line_an_error_has_its_status() -> None:
    """So it is raised."""
    with pytest.raises(JobFailed):
        lines(Job([started(1), Failed(at=0, error=ERROR)]))

"""Makes a response out of a job's events: its stream, and its object. A pure function of the log and the note.

So each process gives the same events the same numbers, and any process can resume a stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.http.errors import failure_of
from gateway.openai.answer_form import finish_reason, usage_of
from gateway.responses.note import Note
from gateway.responses.output import Output, Unnumbered
from llamaq import Event
from llamaq.client.job_events import read_outcome
from llamaq.vocabulary.errors import JobCancelled, LlamaqError
from llamaq.vocabulary.events import Completed, Piece, Queued, Started
from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.wire import JsonObject, dumps

PREFIX = "resp_"


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event of a stream, with its `sequence_number` and its JSON."""

    number: int
    type: str
    data: str


class ResponseBuilder:
    """Translates the events of a job's log, from the first on, into those of a response.

    Attributes:
        ended: whether the response has its final status.
        restarted: whether the last event has made the answer so far void.
        error: the error of a response that failed or was cancelled.
        next: the `sequence_number` of the next event.
    """

    def __init__(self, job_id: str, note: Note) -> None:
        self.ended = False
        self.restarted = False
        self.error: LlamaqError | None = None
        self.next = 0
        self._job_id = job_id
        self._given = note.given
        self._form = note.form
        self._output = Output(job_id, self._form, encrypted=note.encrypted)
        self._members: JsonObject = {"status": "queued", "created_at": 0}

    def take(self, event: Event | Piece) -> list[Numbered]:
        """Translate one event of the log into those of the stream. One that is not in the log makes none."""
        if event.fresh or self.ended:
            return []
        return [self._number(kind, members) for kind, members in self._translate(event)]

    def build(self, status: str | None = None, created: datetime | None = None) -> JsonObject:
        """Build the response as it is now. Without events `status` and `created` are those of the job."""
        known: JsonObject = {"status": status} if status else {}
        if created is not None:
            known |= {"created_at": int(created.timestamp())}
        head = {"id": PREFIX + self._job_id, "object": "response", "error": None, "incomplete_details": None}
        rest = {"completed_at": None, "output": self._output.items, "usage": None}
        return {**head, **rest, **self._given.echo, **self._members, **known}

    def _translate(self, event: Event | Piece) -> Iterator[Unnumbered]:
        self.restarted = False
        match event:
            case Queued():
                self._members["created_at"] = int(event.at.timestamp())
                yield self._status_event("created")
                yield self._status_event("queued")
            case Started(attempt=1):
                yield from self._begin()
            case Started():
                yield from self._begin_again()
            case Piece():
                yield from self._add_piece(event)
            case _ if event.terminal:
                yield from self._end(event)

    def _begin(self) -> Iterator[Unnumbered]:
        self._members["status"] = "in_progress"
        yield self._status_event("in_progress")

    def _begin_again(self) -> Iterator[Unnumbered]:
        self.restarted = self._output.has_begun
        if self.restarted:
            yield from self._output.void()
            yield self._status_event("in_progress")
        elif self._members["status"] == "queued":
            yield from self._begin()

    def _add_piece(self, delta: Piece) -> Iterator[Unnumbered]:
        try:
            yield from self._output.add_piece(delta)
        except LlamaqError as error:  # the answer is not what was promised
            yield from self._fail(error)

    def _end(self, event: Event) -> Iterator[Unnumbered]:
        try:
            result = read_outcome(self._job_id, event)
            assert isinstance(event, Completed)  # noqa: S101 - all others raise
            assert isinstance(result, ChatResult)  # noqa: S101 - a response is a chat
            reason = finish_reason(result)
            self._form.check_answer(self._job_id, result.message, reason)
        except LlamaqError as error:
            yield from self._fail(error)
            return
        cut = reason == "length"
        yield from self._output.end(whole=not cut)
        usage = usage_of(result)
        self._members["usage"] = {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        }
        if cut:
            self._members["incomplete_details"] = {"reason": "max_output_tokens"}
        yield self._finish("incomplete" if cut else "completed", event.at)

    def _fail(self, error: LlamaqError) -> Iterator[Unnumbered]:
        yield from self._output.end(whole=False)
        self.error = error
        if isinstance(error, JobCancelled):
            yield self._finish("cancelled")
            return
        failure = failure_of(error)
        self._members["error"] = {"code": failure.code, "message": failure.message}
        yield self._finish("failed")

    def _finish(self, status: str, at: datetime | None = None) -> Unnumbered:
        self.ended = True
        self._members["status"] = status
        if status == "completed" and at is not None:
            self._members["completed_at"] = int(at.timestamp())
        return self._status_event(status)

    def _status_event(self, kind: str) -> Unnumbered:
        return f"response.{kind}", {"response": self.build()}

    def _number(self, kind: str, members: JsonObject) -> Numbered:
        number, self.next = self.next, self.next + 1
        return Numbered(number, kind, dumps({"type": kind, "sequence_number": number, **members}))

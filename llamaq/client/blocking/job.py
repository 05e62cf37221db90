# Generated from ../aio/job.py by `python3 run.py generate`: change that file instead.
"""The handle of one job."""

from collections.abc import Generator
from contextlib import closing
from typing import Generic, Literal, TypeVar, cast, overload

from pydantic import TypeAdapter
from pydantic_core import from_json

from llamaq.client.blocking import io
from llamaq.client.blocking.connection import Connection
from llamaq.client.job_events import OnRestart, Pieces, read_outcome
from llamaq.client.job_status import fields_call, read_status, status_call
from llamaq.client.reader_limits import UNENDED
from llamaq.extraction.partials import Partials
from llamaq.store import cancel, log_follower
from llamaq.store.answers import Answer
from llamaq.store.keys import check_text_id
from llamaq.store.redis_errors import translate_parse_errors
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import JobNotFound, LlamaqError
from llamaq.vocabulary.events import Event, Piece, Restarted
from llamaq.vocabulary.results import AnyResult
from llamaq.vocabulary.status import JobStatus, SubmittedRequest

R = TypeVar("R", bound=AnyResult)
STANDING_SECONDS = 0.4
"""How long a timeout waits to say where the job stands."""
T = TypeVar("T")


class Job(Generic[R]):
    """The handle of a job. It has only the id, so any number of handles, in any process, may be for one job.

    Attributes:
        id: the job's id, which is Celery's task id too.
    """

    def __init__(self, connection: Connection, job_id: str) -> None:
        self._connection = connection
        self.id = check_text_id(job_id)

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def events(self, after: str | None = None, *, fresh: bool = True) -> Generator[Event, None, None]:
        """The job's events from the start, or behind a cursor; then live ones, up to the terminal one.

        Lost connections are made again without a gap or a duplicate. Ending the iteration does not cancel the job.

        Args:
            after: the `cursor` of the last event that was read.
            fresh: poll the position of a queued job once a second, and give another `queued` event when it has
                changed. Such an event is marked (`event.fresh`), is in no log, and has the cursor of the event before
                it. With False, only the events of the log are given.

        Raises:
            JobNotFound: there is no such job.
            CursorExpired: the log that the cursor belongs to is no longer kept; or Redis has lost the event at the
                cursor, as in a failover to a replica that lagged behind.
            BrokerUnavailable: Redis did not answer for two minutes.
        """
        return self._connection.reader.events(self.id, after, fresh=fresh)

    @overload
    def text(
        self, after: str | None = None, *, on_restart: Literal["mark"] = "mark"
    ) -> Generator[str | Restarted, None, None]: ...

    @overload
    def text(self, after: str | None = None, *, on_restart: Literal["raise"]) -> Generator[str, None, None]: ...

    def text(
        self, after: str | None = None, *, on_restart: OnRestart = "mark"
    ) -> Generator[str | Restarted, None, None]:
        """The answer's text, piece by piece as it is generated.

        A new attempt, or an extraction's repair, voids what was given. Then a `Restarted` comes, which is no `str`, and
        behind it the text from its beginning.

        Args:
            after: the cursor of an event: only the text behind it is given.
            on_restart: with "raise", `StreamRestarted` is raised in place of the mark; read on with
                `text(after=error.cursor)`.

        Raises:
            StreamRestarted: as above.
            JobFailed, JobCancelled, JobExpired: the job ended without a result; raised after the last piece.
        """
        pieces = Pieces(on_restart, given=after is not None)
        with closing(self._pieces(after)) as stream:
            for ready in stream:
                for event in ready:
                    if piece := pieces.take(self.id, event):
                        yield piece

    def _pieces(
        self, after: str | None = None, *, fresh: bool = False, take_piece: log_follower.TakePiece | None = None
    ) -> Generator[list[Event | Piece], None, None]:
        """As `Reader.pieces`."""
        return self._connection.reader.pieces(self.id, after, fresh=fresh, take_piece=take_piece)

    def partials(self, target: type[T] | TypeAdapter[T]) -> Generator[T, None, None]:
        """The object that an extraction draws out, each time it has grown; the last one is whole and validated.

        In the others, a field that has not come is None (or its default), a text may still grow, and validators of the
        whole object have not run. When a new attempt or a repair begins, the object starts anew.

        Args:
            target: the type given as `schema=`: a pydantic model, a dataclass, a TypedDict or a TypeAdapter.

        Raises:
            JobFailed, JobCancelled, JobExpired: the job ended without a result; raised after the last piece.
            pydantic.ValidationError: the value is valid against the JSON Schema, but not for `target`.
        """
        partials = Partials(target)
        with closing(self.events(fresh=False)) as stream:
            for event in stream:
                for grown in partials.take(event):
                    yield grown
                if event.terminal:
                    read_outcome(self.id, event)

    def result(self, timeout: float | None = None) -> R:
        """Wait for the end, at most `timeout` seconds.

        Raises:
            JobFailed, JobCancelled, JobExpired: it ended without a result.
            TimeoutError: it has not ended yet, and why; the job goes on.
            JobNotFound: there is no such job, at the end of the timeout or after 3 s.
        """
        try:
            end = self._connection.reader.end(self.id, timeout)
        except TimeoutError as error:
            message = str(error)
            raise TimeoutError(message + self._describe_standing() if message == UNENDED else message) from None
        return cast("R", read_outcome(self.id, end))

    def _describe_standing(self) -> str:
        """Describe where the job stands, behind a colon; empty if Redis does not say it at once. Raises as `status`."""
        try:
            with self._connection.verb() as redis, io.time_limit(STANDING_SECONDS):
                answer = run(redis, status_call(self._connection.settings.keys, self.id, why=True))
            if answer.word != "MISSING":
                with translate_parse_errors(self._connection.url):
                    return f": {read_status(self.id, answer).standing}"
        except LlamaqError:
            return ""
        raise JobNotFound(self.id) from None

    def status(self) -> JobStatus:
        """The current record of the job.

        Raises:
            JobNotFound: there is no such job.
        """
        answer = self._ask_existing(status_call(self._connection.settings.keys, self.id, why=True))
        with translate_parse_errors(self._connection.url):
            return read_status(self.id, answer)

    def _read_fields(self, *names: str) -> dict[str, str]:
        """Read fields of the record as they are stored, also where the rest cannot be read; raises as `status`."""
        answer = self._ask_existing(fields_call(self._connection.settings.keys, self.id, names))
        return answer.row("record").as_texts()

    def request(self) -> SubmittedRequest:
        """What was submitted: kind, request, and the `note` that came with it.

        Raises:
            JobNotFound: there is no such job.
        """
        record = self._connection.settings.keys.record(self.id)
        with self._connection.query() as redis:
            kind, request, note = redis.hmget(record, "kind", "request", "note")
            if kind is None or request is None:
                raise JobNotFound(self.id)
            return SubmittedRequest(kind=kind, request=from_json(request), note=note or "")

    def cancel(self, reason: str = "cancelled by the producer") -> bool:
        """End the job now, in whatever state it is; a running request to Ollama is cut.

        Returns:
            True when it is cancelled, also when it was before; False when it had ended in another way.

        Raises:
            JobNotFound: there is no such job.
        """
        call = cancel.call(self._connection.settings.keys, self.id, reason)
        return cancel.read(self.id, self._ask(call))

    def _ask_existing(self, call: Call) -> Answer:
        answer = self._ask(call)
        if answer.word == "MISSING":
            raise JobNotFound(self.id)
        return answer

    def _ask(self, call: Call) -> Answer:
        """The answer of a script, which may say MISSING only when no worker has taken the job in for a while."""
        clock, settings = self._connection.clock, self._connection.settings
        with self._connection.verb() as redis:
            seconds = min(log_follower.APPEAR_SECONDS, settings.call_seconds / 2)
            until = clock.monotonic() + seconds
            while True:
                answer = run(redis, call)
                if answer.word != "MISSING" or clock.monotonic() >= until:
                    return answer
                io.pause(clock, seconds / log_follower.APPEAR_LOOKS)

"""One job, seen from a producer."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from pydantic import TypeAdapter

from llamaq.extraction.partials import Partials
from llamaq.vocabulary.errors import JobCancelled, JobExpired, JobFailed, StreamRestarted
from llamaq.vocabulary.events import Completed, Delta, Event, Expired, Failed, Progress, Started
from llamaq.vocabulary.results import AnyResult
from llamaq.vocabulary.status import JobStatus

if TYPE_CHECKING:
    from llamaq.client.blocking.producer import Producer

R = TypeVar("R", bound=AnyResult)
T = TypeVar("T")


class Job(Generic[R]):
    """A handle: it holds nothing but the id, so any number of them, in any process, may look at one job.

    Attributes:
        id: the job's id, which is Celery's task id too.
    """

    def __init__(self, queue: "Producer", job_id: str) -> None:
        self._queue = queue
        self.id = job_id

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def events(self, after: str | None = None, *, fresh: bool = True) -> Generator[Event, None, None]:
        """The job's events from the start, or behind a cursor; then live ones, up to the terminal one.

        Lost connections are made again without a gap or a duplicate. Ending the iteration does not cancel the job.

        Args:
            after: the `cursor` of the last event that was seen.
            fresh: while the job is queued, look at its place once a second, and give another `queued` event when it
                has changed. Such events say so (`event.fresh`); they are in no log, and have the cursor of the event
                before them. Without, what comes is the log and nothing else.

        Raises:
            JobNotFound: there is no such job.
            CursorExpired: the log that the cursor belongs to is no longer kept.
            BrokerUnavailable: Redis did not answer for two minutes.
        """
        return self._queue._reader.events(self.id, after, fresh=fresh)  # noqa: SLF001 - the two are one component

    def text(self, after: str | None = None) -> Generator[str, None, None]:
        """The answer's text, piece by piece as it is generated.

        Raises:
            StreamRestarted: a new attempt, or an extraction's repair, voids what was given; read on with
                `text(after=error.cursor)`.
            JobFailed, JobCancelled, JobExpired: how the job ended, after its last piece.
        """
        pieces = Pieces(given=after is not None)
        for event in self.events(after, fresh=False):
            piece = pieces.take(self.id, event)
            if piece:
                yield piece

    def partials(self, target: type[T] | TypeAdapter[T]) -> Generator[T, None, None]:
        """The object that an extraction draws out, each time it has grown; the last one is whole and validated.

        Before that, what has not come yet is None (or the field's default), and a text may still grow; validators of
        the whole object have not run. When a new attempt or a repair begins, the object starts anew.

        Args:
            target: what `schema=` was: a pydantic model, a dataclass, a TypedDict or a TypeAdapter.

        Raises:
            JobFailed, JobCancelled, JobExpired: how the job ended, after its last piece.
            pydantic.ValidationError: the value is valid JSON Schema-wise, but not to `target`.
        """
        partials = Partials(target)
        for event in self.events(fresh=False):
            yield from partials.take(event)
            if event.terminal:
                outcome(self.id, event)

    def result(self, timeout: float | None = None) -> R:
        """Wait for the end, at most `timeout` seconds.

        Raises:
            JobFailed, JobCancelled, JobExpired: how it ended instead.
            TimeoutError: it has not ended yet; the job goes on.
        """
        return cast("R", outcome(self.id, self._queue._reader.end(self.id, timeout)))  # noqa: SLF001 - as above

    def status(self) -> JobStatus:
        """Where the job stands now.

        Raises:
            JobNotFound: there is no such job.
        """
        return self._queue._status(self.id)  # noqa: SLF001 - as above

    def cancel(self, reason: str = "cancelled by the producer") -> bool:
        """End the job now, in whatever state it is; a request running at Ollama is cut.

        Returns:
            True when it is cancelled (also when it was before); False when it had ended otherwise.

        Raises:
            JobNotFound: there is no such job.
        """
        return self._queue._cancel(self.id, reason)  # noqa: SLF001 - as above


class Pieces:
    """Turns events into pieces of text, and watches for a restart."""

    def __init__(self, *, given: bool) -> None:
        self._given = given  # whoever reads on from a cursor holds text from before it

    def take(self, job_id: str, event: Event) -> str | None:
        """The event's text, if it has one. Raises as `Job.text`."""
        anew = isinstance(event, Started) or (isinstance(event, Progress) and event.stage == "repairing")
        if anew and self._given and (event.attempt > 1 or isinstance(event, Progress)):
            raise StreamRestarted(event.attempt, event.cursor)
        if isinstance(event, Delta) and event.text:
            self._given = True
            return event.text
        if event.terminal:
            outcome(job_id, event)
        return None


def outcome(job_id: str, event: Event) -> AnyResult:
    """The result in a terminal event, or the error it stands for."""
    match event:
        case Completed(result=result):
            return result
        case Failed(error=error):
            raise JobFailed(job_id, error)
        case Expired(reason=reason):
            raise JobExpired(job_id, reason)
        case _:
            raise JobCancelled(job_id, getattr(event, "reason", "cancelled"))

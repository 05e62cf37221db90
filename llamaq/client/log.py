"""A job's log as readers see it, without any I/O: entries of Redis' answers, pieces of text, and how a job ended."""

from llamaq.store.answers import Answer
from llamaq.store.following import RESUBSCRIBED, Standing
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import Status
from llamaq.store.redis_client import Entries, Message
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import JobCancelled, JobExpired, JobFailed, StreamRestarted
from llamaq.vocabulary.events import Completed, Delta, Event, Expired, Failed, Progress, Started
from llamaq.vocabulary.results import AnyResult

PAUSE_SECONDS = 0.25
"""Before a reader connects again."""


def heard(message: Message | None) -> tuple[str, str] | None:
    """A message of pub/sub as an entry: `<cursor> <json>`."""
    if message is None:
        return None
    if message["type"] != "message":
        return RESUBSCRIBED
    cursor, _, payload = message["data"].partition(" ")
    return cursor, payload


def entries(answer: Entries) -> list[tuple[str, str]]:
    """The answer of XRANGE as entries."""
    return [(cursor, fields["event"]) for cursor, fields in answer]


def look(keys: Keys, job_id: str) -> Call:
    """The question where a job stands."""
    return Call(keys.prefix, Status(id=job_id, fields="state"))


def standing(answer: Answer, now: float) -> Standing | None:
    """Its answer; None when there is no such job."""
    if answer.word == "MISSING":
        return None
    position, eta = answer.optional("position"), answer.optional("eta_seconds")
    state = answer.row("record").text("state")
    return Standing(state, None if position is None else int(position), None if eta is None else float(eta), now)


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

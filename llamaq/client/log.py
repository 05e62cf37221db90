"""What a reader makes of Redis' answers about a job, without any I/O: log entries, pieces of text, and the outcome."""

from typing import Literal, get_args

from llamaq.client.answers import read_position
from llamaq.store.answers import Answer
from llamaq.store.keys import Keys
from llamaq.store.log_follower import LogEntry, Snapshot
from llamaq.store.producer_scripts import Status
from llamaq.store.redis_client import Entries
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import JobCancelled, JobExpired, JobFailed, StreamRestarted
from llamaq.vocabulary.events import Completed, Event, Expired, Failed, Progress, Restarted, Started
from llamaq.vocabulary.results import AnyResult

OnRestart = Literal["mark", "raise"]
"""What `Job.text` does where a new attempt voids the text that was given: yield a `Restarted`, or raise."""
PAUSE_SECONDS = 0.25
"""Between two connections of a reader."""


def log_entries(answer: Entries) -> list[LogEntry]:
    """The entries in the answer of XRANGE."""
    return [(cursor, fields["event"]) for cursor, fields in answer]


def poll_call(keys: Keys, job_id: str) -> Call:
    """The call of `status.lua` for a `Snapshot`."""
    return Call(keys.prefix, Status(id=job_id, fields="state"))


def read_snapshot(answer: Answer, now: float) -> Snapshot | None:
    """The snapshot out of the answer of `status.lua`; None when there is no such job."""
    if answer.word == "MISSING":
        return None
    return Snapshot(answer.row("record").text("state"), *read_position(answer), now)


class Pieces:
    """Turns events into pieces of text, and says where the text begins anew."""

    def __init__(self, on_restart: OnRestart, *, given: bool) -> None:
        """Make it. `given` says that the caller has text already, from before the cursor.

        Raises:
            ValueError: `on_restart` is neither of its values.
        """
        if on_restart not in get_args(OnRestart):
            raise ValueError(f"on_restart is 'mark' or 'raise', not {on_restart!r}")
        self._raise = on_restart == "raise"
        self._given = given

    def take(self, job_id: str, event: Event | str) -> str | Restarted | None:
        """The text of a `delta`, which is given as such. Raises as `Job.text`."""
        if isinstance(event, str):
            self._given = self._given or bool(event)
            return event
        anew = isinstance(event, Started) or (isinstance(event, Progress) and event.stage == "repairing")
        if anew and self._given and (event.attempt > 1 or isinstance(event, Progress)):
            if self._raise:
                raise StreamRestarted(event.attempt, event.cursor)
            self._given = False
            return Restarted(event.attempt, event.cursor)
        if event.terminal:
            outcome(job_id, event)
        return None


def outcome(job_id: str, event: Event) -> AnyResult:
    """The result in a terminal event; for every other end its error is raised."""
    match event:
        case Completed(result=result):
            return result
        case Failed(error=error):
            raise JobFailed(job_id, error)
        case Expired(reason=reason):
            raise JobExpired(job_id, reason)
        case _:
            raise JobCancelled(job_id, getattr(event, "reason", "cancelled"))

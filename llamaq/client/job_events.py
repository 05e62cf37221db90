"""What a reader makes of Redis' answers about a job, without any I/O: log entries, pieces of text, and the outcome."""

from collections.abc import Callable, Generator
from typing import Any, Literal, get_args

from llamaq.client.job_status import read_position
from llamaq.store.answers import Answer
from llamaq.store.keys import Keys
from llamaq.store.log_follower import LogEntry, Receive, Step, Steps, SubscriptionLost
from llamaq.store.producer_scripts import Status
from llamaq.store.redis_client import Entries
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import (
    InvalidRequest,
    JobCancelled,
    JobExpired,
    JobFailed,
    LlamaqError,
    StreamRestarted,
)
from llamaq.vocabulary.events import Completed, Event, Expired, Failed, Piece, Progress, Restarted, Started
from llamaq.vocabulary.results import AnyResult
from llamaq.vocabulary.status import Snapshot

OnRestart = Literal["mark", "raise"]
"""What `Job.text` does where a new attempt voids the text that was given: yield a `Restarted`, or raise."""
PAUSE_SECONDS = 0.25
"""Between two connections of a reader."""
Given = Piece | Event
MOST_JOINED = 16_384
"""Characters of events that are given in one list; the last of them may be longer."""


def read_entries(answer: Entries) -> list[LogEntry]:
    """Read the entries in the answer of XRANGE."""
    return [(cursor, fields.get("event", "")) for cursor, fields in answer]


def poll_call(keys: Keys, job_id: str) -> Call:
    """The call of `status.lua` for a `Snapshot`."""
    return Call(keys.prefix, Status(id=job_id, fields="state"))


def read_snapshot(answer: Answer, now: float) -> Snapshot | None:
    """The snapshot out of the answer of `status.lua`; None when there is no such job."""
    if answer.word == "MISSING":
        return None
    return Snapshot(answer.row("record").text("state"), *read_position(answer), now)


def join_events(steps: Steps, more: Callable[[], bool]) -> Generator[Step | list[Given], Any, None]:
    """Do the same steps, with the events that are there at the same time in one list. Raises as `steps`.

    Args:
        steps: of a `LogFollower`.
        more: whether the next `Receive` is answered at once.
    """
    ready: list[Given] = []
    characters, reply = 0, None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration:
            if ready:
                yield ready
            return
        except (LlamaqError, SubscriptionLost):
            if ready:
                yield ready
            raise
        if isinstance(step, Given):
            reply = None
            ready.append(step)
            characters += len(step.payload)
            if characters <= MOST_JOINED:
                continue
            yield ready
            ready, characters = [], 0
            continue
        if ready and not (isinstance(step, Receive) and more()):
            yield ready
            ready, characters = [], 0
        reply = yield step


class Pieces:
    """Turns events into pieces of text, and says where the text begins anew."""

    def __init__(self, on_restart: OnRestart, *, given: bool) -> None:
        """Make it. `given` says that the caller has text already, from before the cursor.

        Raises:
            InvalidRequest: `on_restart` is neither of its values.
        """
        if on_restart not in get_args(OnRestart):
            raise InvalidRequest.of("on_restart", "give 'mark' or 'raise'")
        self._raise = on_restart == "raise"
        self._given = given

    def take(self, job_id: str, event: Given) -> str | Restarted | None:
        """The text of an event; None where it has none. Raises as `Job.text`."""
        if isinstance(event, Piece):
            self._given = self._given or bool(event.text)
            return event.text
        anew = isinstance(event, Started) or (isinstance(event, Progress) and event.stage == "repairing")
        if anew and self._given and (event.attempt > 1 or isinstance(event, Progress)):
            if self._raise:
                raise StreamRestarted(event.attempt, event.cursor)
            self._given = False
            return Restarted(event.attempt, event.cursor)
        if event.terminal:
            read_outcome(job_id, event)
        return None


def read_outcome(job_id: str, event: Event) -> AnyResult:
    """Read the result in a terminal event; for every other end its error is raised."""
    match event:
        case Completed(result=result):
            return result
        case Failed(error=error):
            raise JobFailed(job_id, error)
        case Expired(reason=reason):
            raise JobExpired(job_id, reason)
        case _:
            raise JobCancelled(job_id, getattr(event, "reason", "cancelled"))

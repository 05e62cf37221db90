"""What the event writer sends: new events of attempts, and renewals of their leases.

`attempt_logs` decides which go by a transaction. The others go in one call of `append.lua`, which is made here.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from redis.exceptions import ResponseError

from llamaq.store.answers import Answer
from llamaq.store.arguments import Value
from llamaq.store.keys import Keys
from llamaq.store.script_runs import Call
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.worker_scripts import Append

NumberedEvent = tuple[int, str, str]
"""An event's number, its type, and its JSON members. By the number Redis ignores an event that is sent twice."""
WORDS = frozenset({"OK", "CANCELLED", "FENCED", "GAP"})
MOST_ATTEMPTS = 64
MOST_CHARS = 1_000_000
"""What one call has at most, unless one attempt alone has more: Redis does nothing else meanwhile."""


class Place(NamedTuple):
    """The end of an attempt's log.

    Attributes:
        generation: of the host, in which `append.lua` has confirmed the attempt's fence, over one connection.
        cursor: of the last entry.
    """

    generation: str
    cursor: str


class Written(NamedTuple):
    """What became of one flush.

    Attributes:
        word: of `append.lua`, or the error for which it was not written.
        place: for the attempt's next flush; None where it is not known.
    """

    word: str | Exception
    place: Place | None = None


class Flush(NamedTuple):
    """What one attempt has to write. Without events it renews the lease alone.

    Attributes:
        lease: the attempt's member in the sorted set of leases.
        pieces: of the answer, so far.
        place: that the last flush has told.
    """

    job: ClaimedJob
    lease: str
    renews: bool
    events: Sequence[NumberedEvent]
    pieces: int = 0
    place: Place | None = None

    @property
    def chars(self) -> int:
        """How long its events are."""
        return sum(len(members) for _, _, members in self.events)


def make_renewal(job: ClaimedJob, pieces: int) -> Flush:
    """Make a flush that renews the lease, and tells the record how far the answer is: so many pieces."""
    return Flush(job, f"{job.id} {job.host}", renews=True, events=(), pieces=pieces)


def build_calls(keys: Keys, lease_seconds: float, flushes: Sequence[Flush]) -> list[Call]:
    """Build the calls that write these flushes, in their order."""
    append = Append(lease_seconds=lease_seconds)
    return [Call(keys.prefix, append, *_build_parameters(keys, part)) for part in _split(flushes)]


def read_outcomes(
    answers: Sequence[Answer | Exception], flushes: Sequence[Flush], generation: str = ""
) -> list[Written]:
    """Read what became of each flush. `generation` was watched before the calls; it is empty where none was."""
    found: list[Written] = []
    for answer, part in zip(answers, _split(flushes), strict=True):
        if isinstance(answer, Exception):
            found += [Written(answer)] * len(part)
            continue
        for flush, word, cursor in zip(part, answer.texts("words"), answer.texts("cursors"), strict=True):
            place = Place(generation, cursor) if generation and cursor else None
            if not flush.events:
                place = flush.place
            found.append(Written(word, place) if word in WORDS else Written(ResponseError(word)))
    return found


def count_running_jobs(answers: Sequence[Answer | Exception], before: int) -> int:
    """Count the jobs that run in the fleet, or are about to; as `before` where no call was answered."""
    return next((answer.integer("jobs") for answer in answers if isinstance(answer, Answer)), before)


def _split(flushes: Sequence[Flush]) -> Iterator[Sequence[Flush]]:
    part: list[Flush] = []
    chars = 0
    for flush in flushes:
        if part and (len(part) == MOST_ATTEMPTS or chars + flush.chars > MOST_CHARS):
            yield part
            part, chars = [], 0
        part.append(flush)
        chars += flush.chars
    if part:
        yield part


def _build_parameters(keys: Keys, flushes: Sequence[Flush]) -> tuple[list[str], list[Value]]:
    places = [keys.leases()]
    rest: list[Value] = []
    for flush in flushes:
        places += (keys.record(flush.job.id), keys.events(flush.job.id))
        rest += (flush.lease, flush.job.fence, flush.job.attempt, int(flush.renews), flush.pieces, len(flush.events))
        for event in flush.events:
            rest += event
    return places, rest

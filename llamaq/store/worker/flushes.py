"""What the event writer sends: new events of attempts, and renewals of their leases, in one call of `append.lua`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Flush:
    """What one attempt has to write. Without events it renews the lease alone.

    Attributes:
        lease: the attempt's member in the sorted set of leases.
        pieces: of the answer, so far.
    """

    job: ClaimedJob
    lease: str
    renews: bool
    events: Sequence[NumberedEvent]
    pieces: int = 0


def calls(keys: Keys, lease_seconds: float, flushes: Sequence[Flush]) -> list[Call]:
    """The calls that write these flushes, in their order."""
    append = Append(lease_seconds=lease_seconds)
    return [Call(keys.prefix, append, *_parameters(keys, part)) for part in _parts(flushes)]


def outcomes(answers: Sequence[Answer | Exception], flushes: Sequence[Flush]) -> list[str | Exception]:
    """What became of each flush: a word of `append.lua`, or the error for which it was not written."""
    found: list[str | Exception] = []
    for answer, part in zip(answers, _parts(flushes), strict=True):
        if isinstance(answer, Exception):
            found += [answer] * len(part)
        else:
            found += [word if word in WORDS else ResponseError(word) for word in answer.texts("words")]
    return found


def running_jobs(answers: Sequence[Answer | Exception]) -> int | None:
    """How many jobs run in the fleet, or are about to; None where no call was answered."""
    return next((answer.integer("jobs") for answer in answers if isinstance(answer, Answer)), None)


def _parts(flushes: Sequence[Flush]) -> Iterator[Sequence[Flush]]:
    part: list[Flush] = []
    chars = 0
    for flush in flushes:
        more = sum(len(members) for _, _, members in flush.events)
        if part and (len(part) == MOST_ATTEMPTS or chars + more > MOST_CHARS):
            yield part
            part, chars = [], 0
        part.append(flush)
        chars += more
    if part:
        yield part


def _parameters(keys: Keys, flushes: Sequence[Flush]) -> tuple[list[str], list[Value]]:
    places = [keys.leases()]
    rest: list[Value] = []
    for flush in flushes:
        places += (keys.record(flush.job.id), keys.events(flush.job.id))
        rest += (flush.lease, flush.job.fence, flush.job.attempt, int(flush.renews), flush.pieces, len(flush.events))
        for event in flush.events:
            rest += event
    return places, rest

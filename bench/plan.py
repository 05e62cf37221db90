"""The sizes of a full run, and of a quick one that only shows that the bench works."""

from dataclasses import dataclass

RATE = 50
"""Tokens per second of one stream."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one run of the bench.

    Attributes:
        rounds: how often each path has its turn; the values shown are the medians of the rounds.
        streams: answers at a time.
        tokens: tokens of each of them.
        firsts: single requests per path and round, for the time to the first token.
        slots: of the small host whose slots are to be kept busy.
        slot_rounds: rounds of that measure, which takes long.
        slot_jobs: jobs for it.
        slot_tokens: tokens of each of those; 51 take a second.
        submits: jobs submitted one by one, per round.
        many: jobs handed over in one `submit_many`, per round.
        requests: requests per round and kind of session.
        peers: whether other task queues are installed, and their submits are timed.
    """

    rounds: int = 5
    streams: int = 64
    tokens: int = 500
    firsts: int = 60
    slots: int = 4
    slot_rounds: int = 2
    slot_jobs: int = 64
    slot_tokens: int = 51
    submits: int = 300
    many: int = 3000
    requests: int = 60
    peers: bool = True


FULL = Plan()
QUICK = Plan(
    rounds=1, streams=16, tokens=50, firsts=10, slot_rounds=1, slot_jobs=12, slot_tokens=16, submits=50, many=400,
    requests=10, peers=False,
)  # fmt: skip

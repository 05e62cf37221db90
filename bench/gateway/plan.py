"""The sizes of a full run, and of a quick one that only shows that the bench works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one run.

    Attributes:
        rounds: how often each path has its turn; the values shown are the medians of the rounds.
        firsts: single requests per path and round, for the time to the first token.
        streams: answers at a time.
        tokens: of each of them.
        short: answers of one token, for requests per second.
        crowd: streams open at a time in one gateway.
        crowd_tokens: of each of those.
        crowd_rate: tokens per second of each of those.
        slow: further readers, which read nothing.
        crowd_firsts: single requests beside the crowd, for the time to the first token.
        rivals: whether other proxies are installed and measured too.
    """

    rounds: int = 3
    firsts: int = 40
    streams: int = 64
    tokens: int = 500
    short: int = 320
    crowd: int = 1000
    crowd_tokens: int = 100
    crowd_rate: float = 2.0
    slow: int = 200
    crowd_firsts: int = 20
    rivals: bool = True


FULL = Plan()
QUICK = Plan(
    rounds=1, firsts=5, streams=8, tokens=30, short=16, crowd=20, crowd_tokens=10, slow=4, crowd_firsts=3,
    rivals=False,
)  # fmt: skip

"""Which ratios are compared, and what has moved by more than the noise."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures.results import Results
from bench.figures.spread import spread

LEAST_MOVE = 0.1
"""A ratio that moved by less than this part of itself is left out, however steady its rounds were."""

Ratios = dict[str, list[float]]
"""By title, one value for each round."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of llamaq, divided by the same figure of another path in the same round.

    Attributes:
        metric: as in `Results`, of both.
        ours: the path of llamaq.
        theirs: the other path.
        cost: the metric is a cost: a higher ratio is worse.
    """

    title: str
    metric: str
    ours: str
    theirs: str
    cost: bool = True

    def of(self, results: Results) -> list[float]:
        """One value for each round."""
        found = results.values.get(self.metric, {})
        pairs = zip(found.get(self.ours, []), found.get(self.theirs, []), strict=True)
        return [ours / theirs for ours, theirs in pairs]


RATIOS = (
    Ratio("time to the first token", "first_whole_ms", "llamaq", "direct"),
    Ratio("tokens/s", "tokens_per_second", "llamaq", "direct", cost=False),
    Ratio("worker CPU per token", "worker_us", "llamaq", "naive"),
    Ratio("Redis CPU per token", "redis_us", "llamaq", "naive"),
    Ratio("Redis CPU per token, SDK's reader", "redis_us", "llamaq-sdk", "naive"),
    Ratio("consumer CPU per token, SDK's reader", "consumer_us", "llamaq-sdk", "direct"),
    Ratio("memory of the worker", "pss_mb", "llamaq", "naive"),
    Ratio("submit", "submit_ms", "llamaq", "naive"),
    Ratio("submit_many, for each job", "many_ms", "llamaq", "naive"),
)


def compute_ratios(results: Results) -> Ratios:
    """Compute all ratios of a run."""
    return {ratio.title: ratio.of(results) for ratio in RATIOS}


def report(now: Mapping[str, list[float]], recorded: Mapping[str, list[float]]) -> list[str]:
    """Write one line for each ratio, and behind it a word where it moved by more than the noise."""
    lines = []
    for ratio in RATIOS:
        values, before = now[ratio.title], recorded.get(ratio.title)
        if not before:
            lines.append(f"{ratio.title}: {_format(values)}, not recorded yet")
            continue
        moved = _compare(values, before)
        word = "" if not moved else "  <-- worse" if (moved > 0) == ratio.cost else "  <-- better"
        lines.append(f"{ratio.title}: {_format(values)}, recorded {_format(before)}{word}")
    return lines


def _compare(now: list[float], before: list[float]) -> int:
    """Compare: 1 where it has risen, -1 where it fell; 0 where its rounds differ by as much within the two runs."""
    new, old = spread(now), spread(before)
    noise = (new.most - new.least) + (old.most - old.least)
    moved = new.median - old.median
    return 0 if abs(moved) <= max(noise, LEAST_MOVE * old.median) else 1 if moved > 0 else -1


def _format(values: list[float]) -> str:
    found = spread(values)
    return f"{found.median:.2f} ({found.least:.2f} to {found.most:.2f})"

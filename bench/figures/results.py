"""The results: one value per round for each measured quantity and path."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.figures.spread import Spread, spread

MOST_KEPT = 4000
"""Single latencies kept per path, enough for a plot."""


@dataclass
class Results:
    """The values of a run.

    Attributes:
        values: metric, then path, then one value per round.
        latencies: path, then milliseconds of single tokens, thinned out.
        about: on what it was measured.
    """

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    latencies: dict[str, list[float]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, metric: str, path: str, value: float) -> None:
        """Add one round's value."""
        self.values[metric].setdefault(path, []).append(value)

    def keep(self, path: str, latencies: list[float]) -> None:
        """Keep one round's single latencies, milliseconds."""
        step = max(1, len(latencies) // MOST_KEPT)
        self.latencies.setdefault(path, []).extend(round(value, 3) for value in latencies[::step])

    def get(self, metric: str, path: str) -> Spread | None:
        """Get the value over all rounds, if it was measured."""
        rounds = self.values.get(metric, {}).get(path)
        return spread(rounds) if rounds else None

    def save(self, to: Path) -> None:
        """Write all of it as JSON."""
        to.write_text(json.dumps({"about": self.about, "values": self.values, "latencies": self.latencies}) + "\n")

    @classmethod
    def load(cls, source: Path) -> Self:
        """Read what `save` wrote."""
        saved = json.loads(source.read_text())
        return cls(defaultdict(dict, saved["values"]), saved["latencies"], saved["about"])

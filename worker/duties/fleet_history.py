"""Keeps the figures of each minute for a day, for the charts of the operator's page."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from llamaq.store.worker.minute_figures import FIRST, MinuteFigures, bucket
from worker.duties.duty import Duty, Phase

ROUND_SECONDS = 10.0


class FleetHistory(Duty):
    """The duty that writes what this worker has counted; where it leads, also what it sees of the fleet."""

    name = "minutes"
    stops_at: ClassVar[Phase] = "drain"
    when_redis_fails = "the figures of this minute are not written yet"

    def __init__(self, figures: MinuteFigures, leads: Callable[[], bool]) -> None:
        """`leads` says whether this worker leads the reaper."""
        super().__init__()
        self._figures = figures
        self._leads = leads
        self._lock = threading.Lock()
        self._counted: Counter[str] = Counter()

    def count_completed(self, result: Mapping[str, Any]) -> None:
        """Count a job that this worker has completed, from any thread."""
        tokens = (result.get("usage") or {}).get("output_tokens") or 0
        first = (result.get("timings") or {}).get("first_token")
        with self._lock:
            self._counted["tokens"] += tokens
            if first is not None:
                self._counted[f"{FIRST}{bucket(first)}"] += 1

    def run_round(self) -> float:
        """Write what was counted since the last round."""
        self._write(leads=self._leads())
        return ROUND_SECONDS

    def finish(self) -> None:
        """Write what the last attempts counted."""
        self._write(leads=False)

    def _write(self, *, leads: bool) -> None:
        with self._lock:
            counted, self._counted = self._counted, Counter()
        try:
            self._figures.write(+counted, leads=leads)
        except BaseException:  # the next round writes it
            with self._lock:
                self._counted.update(counted)
            raise

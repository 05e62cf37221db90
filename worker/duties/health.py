"""Which duties of a worker have failed for so long that the worker must not count as alive."""

import threading
from collections.abc import Callable

from llamaq.store.clock import Clock

FAILING_SECONDS = 30.0
"""A duty without a good round for this long counts as failing."""


class Health:
    """The time since when each duty has had failed rounds alone. The time of an outage of Redis does not count."""

    def __init__(self, clock: Clock, report: Callable[[str], None] = lambda _: None) -> None:
        """`report` is called with the name of a duty after each failed round while it counts as failing."""
        self._clock = clock
        self._report = report
        self._since: dict[str, float] = {}
        self._changing = threading.Lock()

    def note_success(self, duty: str) -> None:
        """Note a good round."""
        if duty in self._since:  # most rounds are good, and need no lock
            with self._changing:
                self._since.pop(duty, None)

    def note_failure(self, duty: str) -> None:
        """Note a failed round."""
        with self._changing:
            self._since.setdefault(duty, self._clock.monotonic())
        if duty in self.failing_duties():
            self._report(duty)

    def forget_failures(self) -> None:
        """Forget the failures: an outage explains every failed round until now."""
        with self._changing:
            self._since.clear()

    def failing_seconds(self, duty: str) -> float:
        """How long the duty has had failed rounds alone; 0 after a good one."""
        since = self._since.get(duty)
        return 0.0 if since is None else self._clock.monotonic() - since

    def failing_duties(self) -> list[str]:
        """The duties that count as failing."""
        with self._changing:
            names = sorted(self._since)
        return [name for name in names if self.failing_seconds(name) > FAILING_SECONDS]

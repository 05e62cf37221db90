"""Signal handlers: SIGTERM and Ctrl-C drain; a second one, or SIGQUIT, requeues running jobs at once.

Celery's own handlers wait for running tasks even at a SIGQUIT, since a thread cannot be ended from outside.
"""

import signal
from collections.abc import Callable
from types import FrameType

from celery.worker import state

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class StopSignals:
    """The handlers of one worker process. `hurry` ends the wait of a drain."""

    def __init__(self, hurry: Callable[[], None]) -> None:
        self._hurry = hurry
        self._signalled = False

    def install(self) -> None:
        """Replace Celery's handlers. Must be called in the main thread."""
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signalled or number == signal.SIGQUIT:
            self._hurry()
        self._signalled = True
        state.should_stop = state.should_stop or 0  # Celery's loop looks at it; 0 is the exit code

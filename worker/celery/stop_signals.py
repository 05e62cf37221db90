"""Signal handlers: SIGTERM and Ctrl-C drain; a second one, or SIGQUIT, requeues running jobs at once.

Celery's own handlers wait for running tasks even at a SIGQUIT, since a thread cannot be ended from outside. Whatever a
stop waits for, the process ends `STOP_SECONDS` after its drain: the leases of what it leaves expire.

A thread acts on the signals. Python runs a handler in the main thread alone, once that goes on. While it waits for
Redis, or where CPython has forgotten the signal (`llamaq/client/blocking/interruptible.py`), that may take many
seconds.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import structlog
from celery.worker import state

STOP_SECONDS = 8.0
"""For all that a stop does after the drain. What calls Redis has limits, but Celery has more than one such call."""
UNFINISHED = 1
"""The exit code of a stop that did not end in time."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_log = structlog.get_logger(__name__)


class StopSignals:
    """The handlers of one worker process."""

    def __init__(self, hurry: Callable[[], None], drain_seconds: float, wake: Callable[[], object]) -> None:
        """Make them.

        Args:
            hurry: ends the wait of a drain.
            drain_seconds: the longest such wait.
            wake: ends the wait of Celery's loop.
        """
        self._hurry = hurry
        self._wake = wake
        self._drain_seconds = drain_seconds
        self._signalled = False
        self._waker: socket.socket | None = None
        self._stopping, self._hurrying = threading.Event(), threading.Event()

    def install(self) -> None:
        """Replace Celery's handlers. Must be called in the main thread."""
        woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        for number in _SIGNALS:
            signal.signal(number, _ignore_signal)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._handle_signals, args=(woken,), name="llamaq-signals", daemon=True).start()
        threading.Thread(target=self._end_in_time, name="llamaq-stop-limit", daemon=True).start()

    def _handle_signals(self, woken: socket.socket) -> None:
        while numbers := woken.recv(64):  # the number of each signal that has come, as a byte
            for number in numbers:
                if number in _SIGNALS:
                    self._on_signal(number)

    def _on_signal(self, number: int) -> None:
        first, self._signalled = not self._signalled, True
        if first:
            self._stopping.set()
        if not first or number == signal.SIGQUIT:
            self._hurrying.set()
            self._hurry()
        state.should_stop = state.should_stop or 0  # Celery's loop looks at it; 0 is the exit code
        if first:
            self._wake()

    def _end_in_time(self) -> None:
        self._stopping.wait()
        self._hurrying.wait(self._drain_seconds)
        threading.Event().wait(STOP_SECONDS)
        _log.critical("the stop does not end: something waits for Redis or Ollama; the leases of what runs expire")
        os._exit(UNFINISHED)


def _ignore_signal(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number is in the wake-up descriptor. Without a handler the signal would end the process."""

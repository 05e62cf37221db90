"""Delays Ctrl-C until an event is shown whole, so that the printed cursor is exact."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Self

from llamaq.cli.exit_codes import TERMINATED


class Interrupts:
    """In its block SIGINT raises KeyboardInterrupt and SIGTERM SystemExit; inside `delay` they are delayed."""

    def __init__(self) -> None:
        self._busy = False
        self._left = False
        self._pending: BaseException | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # A shell starts background jobs with SIGINT ignored, which must stay so.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        # The default action would leave the terminal's cursor hidden.
        self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # ignored meanwhile
                signal.signal(number, handler)

    @contextmanager
    def delay(self) -> Iterator[None]:
        """Delay a signal until the end of the block."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        pending, self._pending = self._pending, None
        if pending is not None:
            self._left = True
            raise pending

    def forget(self) -> None:
        """Discard a delayed signal: the command has done everything."""
        self._pending = None

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # Further Ctrl-C must not interrupt what the first one has started.
        if not self._left:
            self._leave(KeyboardInterrupt())

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._leave(SystemExit(TERMINATED))

    def _leave(self, how: BaseException) -> None:
        # A second signal is not delayed: the write may block, because its reader has stopped reading.
        if self._busy and self._pending is None:
            self._pending = how
            return
        self._left = True
        raise how


def ignore_interrupts() -> None:
    """Ignore Ctrl-C from here on, because the program is about to end."""
    # Python reports a signal that comes just before its handler becomes SIG_IGN: bpo-43406.
    sys.unraisablehook = partial(_report, sys.unraisablehook)
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""


def _report(hook: Callable[["sys.UnraisableHookArgs"], Any], unraisable: "sys.UnraisableHookArgs") -> None:
    """Report an exception that cannot be raised. That of an ignored signal is left out; it alone has no object."""
    if not (isinstance(unraisable.exc_value, OSError) and unraisable.object is None):
        hook(unraisable)

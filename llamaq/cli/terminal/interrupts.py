"""Ctrl-C at a moment when nothing is half done, so that the cursor given at parting is exact."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from llamaq.cli.exits import TERMINATED


class Interrupts:
    """While entered, SIGINT raises KeyboardInterrupt and SIGTERM SystemExit, but not inside `whole`."""

    def __init__(self) -> None:
        self._busy = False
        self._left = False
        self._pending: BaseException | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # A shell starts background jobs with SIGINT ignored: that stays.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._interrupt)
        # Its default would leave the terminal with a hidden cursor.
        self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # deafened meanwhile
                signal.signal(number, handler)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is inside happens as a whole; an interrupt meanwhile is raised behind it."""
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
        """What is being done is the last thing: an interrupt meanwhile came too late to matter."""
        self._pending = None

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        # Impatience must not cut short what the first Ctrl-C set going.
        if not self._left:
            self._leave(KeyboardInterrupt())

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._leave(SystemExit(TERMINATED))

    def _leave(self, how: BaseException) -> None:
        # A second signal is obeyed even inside: the write may hang on a reader that has stopped reading.
        if self._busy and self._pending is None:
            self._pending = how
            return
        self._left = True
        raise how


def deafen() -> None:
    """Ignore Ctrl-C from here on: the program is about to end, and has said or is saying how."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

"""The messages of a set-up, on standard error: standard output belongs to the command, and may be piped."""

import os
import sys
import time
from types import TracebackType
from typing import Self


def say(text: str, before: str = "") -> None:
    """Print one line."""
    print(f"{before}run.py: {text}", file=sys.stderr, flush=True)


class Progress:
    """The progress of a step: on a terminal one line that is rewritten, in a pipe a line for its start and its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def show(self, detail: str) -> None:
        """Show the progress. Not in a pipe, where each call would add a line."""
        if self._terminal:
            # A line that wraps could not be rewritten, so the text is cut where it is too long.
            width = _count_columns() - 1 - len(f"run.py:  ... {detail}")
            line = f"run.py: {self._text[: max(width, 10)]} ... {detail}"
            print(f"\r\033[K{line[: _count_columns() - 1]}", end="", file=sys.stderr, flush=True)

    def remark(self, text: str) -> None:
        """Print a line of its own that stays."""
        say(text, before=self._erase())

    def __enter__(self) -> Self:
        if self._terminal:
            self.show("")
        else:
            say(f"{self._text} ...")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._started
        if kind:
            print(self._erase(), end="", file=sys.stderr, flush=True)
        else:
            say(f"{self._text}: done ({seconds:.1f} s)", before=self._erase())

    def _erase(self) -> str:
        return "\r\033[K" if self._terminal else ""


def _count_columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80

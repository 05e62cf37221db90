"""The output: the answer goes to stdout, everything else to stderr."""

import io
import json
import os
import stat
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.text import Text

from llamaq.cli.terminal.streams import ignore_write_errors
from llamaq.escaping import escape_controls, escape_json

_DIM = Style(dim=True)


class Screen:
    """The two streams of the process. Where both are the same terminal, each begins a new line.

    Attributes:
        live: whether stderr is a terminal that can be drawn on.
        terminal: whether stdout is a terminal.
        console: stderr, for rich.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        for stream in (self._out, self._err):
            # A character that the locale's encoding lacks must not be an error.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        self.terminal = self._out.isatty()
        self.console = _console(self._err)
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._mid_line = False
        self._mid_aside = False

    def stdout_console(self) -> Console:
        """Stdout for rich, where it is a terminal."""
        return _console(self._out)

    def write_answer(self, text: str) -> None:
        """Write a piece of the answer, and flush it."""
        if text:
            self._end_aside()
            self._out.write(escape_controls(text) if self.terminal else text)
            self._out.flush()
            self._mid_line = not text.endswith("\n")

    def write_line(self, text: str) -> None:
        """Write one line of the answer."""
        self.write_answer(f"{text}\n")

    def written_bytes(self) -> int | None:
        """How far stdout is written, in bytes; None where it is no file, or where something stands behind."""
        self._out.flush()
        try:
            number = self._out.fileno()
            at, about = os.lseek(number, 0, os.SEEK_CUR), os.fstat(number)
        except (OSError, ValueError):  # a pipe; or no descriptor
            return None
        return at if stat.S_ISREG(about.st_mode) and at == about.st_size else None

    def take_back(self, to: int) -> None:
        """Remove from stdout, which is a file, what was written behind a number of bytes."""
        os.ftruncate(self._out.fileno(), to)
        os.lseek(self._out.fileno(), to, os.SEEK_SET)
        self._mid_line = False

    def write_json(self, text: str) -> None:
        """Write a JSON object, given as text, on a line of its own."""
        self._out.write(f"{escape_json(text) if self.terminal else text}\n")
        self._out.flush()

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write a record as JSON on a line of its own."""
        self.write_json(json.dumps(record, ensure_ascii=False))

    def end_line(self) -> None:
        """Begin a new line of the answer, unless the last one has ended."""
        if self._mid_line:
            self.write_answer("\n")

    def show_thinking(self, text: str) -> None:
        """Show the model's thinking, dimmed, on a terminal only."""
        if self.live and text:
            self._separate()
            colours = ColorSystem.STANDARD if self.console.color_system else None
            self._err.write(_DIM.render(escape_controls(text), color_system=colours))
            self._err.flush()
            self._mid_aside = not text.endswith("\n")

    def note(self, text: str, style: str = "") -> None:
        """Write a line to stderr."""
        with ignore_write_errors(self._err):
            self._end_aside()
        self._separate()
        with ignore_write_errors(self._err):
            self.console.print(
                Text(escape_controls(text) if self.console.is_terminal else text, style=style), soft_wrap=True
            )

    def _separate(self) -> None:
        if self.terminal and self.console.is_terminal:
            self.end_line()

    def _end_aside(self) -> None:
        if self._mid_aside:
            self._mid_aside = False
            self._err.write("\n")
            self._err.flush()


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise it. Rich's own exits, and discards stdout even where it is stderr that nobody reads."""
        raise BrokenPipeError


def _console(stream: TextIO) -> Console:
    # `force_terminal` is given, because FORCE_COLOR would colour pipes too.
    return _Console(file=stream, force_terminal=stream.isatty(), markup=False, highlight=False, emoji=False)

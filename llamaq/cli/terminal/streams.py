"""Standard streams that are closed, or cannot be written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def open_closed_streams() -> None:
    """Let a standard stream that was closed before the program began (`>&-`) lead nowhere.

    Else a connection to Redis would get its number, and with it what is written to the stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def discard(stream: TextIO) -> None:
    """Let a stream lead nowhere. Else its buffered rest would raise again when the interpreter exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def ignore_write_errors(stream: TextIO) -> Iterator[None]:
    """A block whose output is lost where it cannot be written: the exit code tells what a note would."""
    try:
        yield
    except OSError:
        discard(stream)

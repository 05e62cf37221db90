"""JSON that is still being written: what can be said of its value so far."""

import re
from typing import Any, Final

from pydantic_core import from_json

NOTHING: Final = object()
"""There is no value yet."""
_NUMBER_AT_END = re.compile(r"-?(?:[0-9][0-9.eE+-]*)?\Z")


class Unfinished(str):
    """A text that may still grow."""

    __slots__ = ()


class GrowingJson:
    """Takes a text piece by piece, and gives the value as far as it has come.

    A string that is not closed yet counts as far as it goes. A number at the very end is left out, because its next
    digit would change it, and so is a key without a value. From one piece to the next a value only grows: strings and
    lists become longer, objects get more members, and nothing else changes.
    """

    def __init__(self) -> None:
        self._text = ""
        self._in_string = False
        self._escaped = False

    def add(self, piece: str) -> None:
        """Take the next piece."""
        self._text += piece
        for char in piece:
            if self._escaped:
                self._escaped = False
            elif char == '"':
                self._in_string = not self._in_string
            elif char == "\\":
                self._escaped = self._in_string

    def value(self, *, mark: bool = False) -> Any:
        """The value so far, or `NOTHING`; with `mark` a text in it that may still grow is an `Unfinished`."""
        text = self._text if self._in_string else _NUMBER_AT_END.sub("", self._text)
        value = _read(text, "trailing-strings")
        # Within a key nothing grows: with and without the unfinished string the value is the same.
        if mark and self._in_string and value != _read(text, allow_partial=True):
            return _marked(value)
        return value


def _read(text: str, allow_partial: Any) -> Any:
    try:
        return from_json(text.encode(), allow_partial=allow_partial, allow_inf_nan=False)
    except ValueError:  # nothing yet, or no JSON at all: the end of the job will tell
        return NOTHING


def _marked(value: Any) -> Any:
    """The value with its last text marked, which is the one that was cut."""
    match value:
        case str():
            return Unfinished(value)
        case list():
            return [*value[:-1], _marked(value[-1])]
        case _:
            name = next(reversed(value))
            return value | {name: _marked(value[name])}

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
        without = _read(text, allow_partial=True) if mark and self._in_string else value
        return value if value == without else _marked(value, without)


def _read(text: str, allow_partial: Any) -> Any:
    try:
        return from_json(text.encode(), allow_partial=allow_partial, allow_inf_nan=False)
    except ValueError:  # nothing yet, or no JSON at all: the end of the job will tell
        return NOTHING


def _marked(value: Any, without: Any) -> Any:
    """The value with the text marked that was cut: it is not in `without`, or not the same there.

    Mostly it is the last one; but a key that is given twice keeps its first place.
    """
    match value:
        case str():
            return Unfinished(value)
        case [*others, last]:
            there = without[-1] if isinstance(without, list) and len(without) == len(value) else NOTHING
            return [*others, _marked(last, there)]
        case dict():
            there = without if isinstance(without, dict) else {}
            grown = [name for name in value if name not in there or there[name] != value[name]]
            return value | {name: _marked(value[name], there.get(name, NOTHING)) for name in grown[-1:]}
        case _:
            return value

"""The value of a JSON text that is still being written, as far as it has come."""

import re
from typing import Any, Final

from pydantic_core import from_json

from llamaq.extraction.answer import AROUND
from llamaq.extraction.thinking_tags import THINKING_TAGS

NOTHING: Final = object()
"""The value of a text that has no value yet."""
_MOST_AT_ONCE = 4_096
"""Characters that are looked at in one go: what follows brackets that were no value is copied."""
_NUMBER_AT_END = re.compile(r"-?(?:[0-9][0-9.eE+-]*)?\Z")


class Unfinished(str):
    """A string whose end has not come yet."""

    __slots__ = ()


class GrowingJson:
    """Takes a text piece by piece, and gives the value of what has come.

    A string without its closing quote is part of the value. A number at the very end is not, because its next digit
    would change it, and neither is a key without a value. From one piece to the next a value only grows: strings and
    lists become longer, objects get more members, and nothing else changes.

    Thinking in tags, words and a code fence before the first bracket do not belong to it, nor what comes behind the
    bracket that closes it.
    """

    def __init__(self) -> None:
        self._start = _Start()
        self._text = ""
        self._depth = 0
        self._ended = False
        self._in_string = False
        self._escaped = False

    def add(self, piece: str) -> None:
        """Take the next piece."""
        for start in range(0, len(piece), _MOST_AT_ONCE):
            rest = piece[start : start + _MOST_AT_ONCE]
            while rest and not self._ended:
                rest = self._add_part(rest)

    def _add_part(self, piece: str) -> str:
        """Take the piece up to the end of the value. Gives the rest behind brackets that were no value."""
        if not self._text:
            piece = self._start.find(piece)
        for at, char in enumerate(piece):
            if self._escaped:
                self._escaped = False
            elif char == '"':
                self._in_string = not self._in_string
            elif char == "\\":
                self._escaped = self._in_string
            elif not self._in_string:
                self._depth += (char in "[{") - (char in "]}")
                if char in "]}" and self._depth == 0:
                    self._text += piece[: at + 1]
                    self._ended = _parse_partial(self._text, False) is not NOTHING  # or it is words in brackets
                    self._text = self._text if self._ended else ""
                    return piece[at + 1 :]
        self._text += piece
        return ""

    def value(self, *, mark: bool = False) -> Any:
        """The value so far, or `NOTHING`; with `mark`, a string without its closing quote is an `Unfinished`."""
        text = self._text if self._in_string else _NUMBER_AT_END.sub("", self._text)
        value = _parse_partial(text, "trailing-strings")
        if not (mark and self._in_string):
            return value
        finished = _parse_partial(text, allow_partial=True)
        return value if value == finished else _mark_unfinished(value, finished)  # equal where the string is a key


class _Start:
    """Looks for the beginning of the value."""

    def __init__(self) -> None:
        self._before = ""
        self._words = False
        self._closing = ""

    def find(self, piece: str) -> str:
        """The piece from the beginning of the value on; empty while it has not come."""
        for at, char in enumerate(piece):
            if found := self._take(char):
                self._words = True  # where the value turns out to be none
                return found + piece[at + 1 :]
        return ""

    def _take(self, char: str) -> str:
        if self._closing:
            self._before = (self._before + char)[-len(self._closing) :]
            if self._before == self._closing:
                self._before = self._closing = ""
            return ""
        if self._words:
            return char if char in "[{" else ""
        if not self._before and char in AROUND:
            return ""
        self._before += char
        if any(opening.startswith(self._before) for opening, _ in THINKING_TAGS):
            self._closing = dict(THINKING_TAGS).get(self._before, "")
            return ""
        if self._before[0] in '[{"-0123456789':
            return self._before
        self._words = True
        return char if char in "[{" else ""


def _parse_partial(text: str, allow_partial: Any) -> Any:
    try:
        return from_json(text.encode(), allow_partial=allow_partial, allow_inf_nan=False)
    except ValueError:  # nothing yet, or no JSON: an answer that is no JSON fails at the end of the job
        return NOTHING


def _mark_unfinished(value: Any, finished: Any) -> Any:
    """Mark the unfinished string of a value as an `Unfinished`. `finished` is the value without that string.

    The string is where the two differ. In a list that is the last item. In an object it may be any member, because a
    key that is given twice keeps its first place.
    """
    match value:
        case str():
            return Unfinished(value)
        case [*others, last]:
            same_length = isinstance(finished, list) and len(finished) == len(value)
            return [*others, _mark_unfinished(last, finished[-1] if same_length else NOTHING)]
        case dict():
            before = finished if isinstance(finished, dict) else {}
            for name, member in value.items():
                if member != before.get(name, NOTHING):
                    return value | {name: _mark_unfinished(member, before.get(name, NOTHING))}
    return value

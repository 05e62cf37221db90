"""The answers of the Lua scripts: a word, and then names and values alternately; and lists of what Redis keeps."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from llamaq.vocabulary.errors import VersionMismatch

R = TypeVar("R")
T = TypeVar("T")
UNREADABLE = (ValueError, LookupError, ArithmeticError)
"""What the reading of a text or a number raises that something else has written over."""
MOST_TOLD = 1000
"""So many rows are named in the log; of more damage that is enough."""
_log = logging.getLogger(__name__)
_told: set[str] = set()


class _Values(dict[str, object]):
    def __missing__(self, name: str) -> object:
        raise unknown_answer_error(f"no {name!r}")


class Fields:
    """Named values of an answer or of a row in it. A method raises VersionMismatch where its value is missing."""

    def __init__(self, flat: Sequence[object]) -> None:
        self._values = _Values(zip(map(str, flat[::2]), flat[1::2], strict=True))

    def text(self, name: str) -> str:
        """A text."""
        return str(self._values[name])

    def integer(self, name: str) -> int:
        """A whole number."""
        return int(str(self._values[name]))

    def number(self, name: str) -> float:
        """A number with a fraction. Scripts answer it as text, because Redis would cut the fraction off."""
        return float(str(self._values[name]))

    def flag(self, name: str) -> bool:
        """A truth value, which is 1 or 0."""
        return str(self._values[name]) == "1"

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        return [str(each) for each in self._list(name)]

    def counts(self, name: str) -> dict[str, int]:
        """Numbers by names."""
        row = Fields(self._list(name))
        return {each: row.integer(each) for each in row._values}

    def optional(self, name: str) -> str | None:
        """A text; None where it is empty or missing."""
        value = self._values.get(name)
        return None if value is None else str(value) or None

    def as_texts(self) -> dict[str, str]:
        """All values, as texts."""
        return {name: str(value) for name, value in self._values.items()}

    def row(self, name: str) -> "Fields":
        """Named values within a value."""
        return Fields(self._list(name))

    def rows(self, name: str) -> list["Fields"]:
        """A list of rows."""
        return [Fields(each) for each in self._list(name) if isinstance(each, list)]

    def _list(self, name: str) -> list[object]:
        value = self._values[name]
        if not isinstance(value, list):
            raise unknown_answer_error(f"{name}={value!r}")
        return value


class Answer(Fields):
    """A whole answer.

    Attributes:
        word: the outcome of the call; the head of each script lists them.
    """

    def __init__(self, reply: object) -> None:
        flat = reply if isinstance(reply, list) else [reply]
        if not flat:
            raise unknown_answer_error("nothing")
        super().__init__(flat[1:])
        self.word = str(flat[0])

    def __repr__(self) -> str:
        return " ".join([self.word, *(f"{name}={value!r}" for name, value in self._values.items())])


def unknown_answer_error(what: object) -> VersionMismatch:
    """The error for an answer that this version does not understand."""
    return VersionMismatch(f"the fleet's script answered {what}, which this llamaq does not know: update llamaq here")


def read_rows(rows: Iterable[tuple[str, R]], read: Callable[[str, R], T]) -> list[T]:
    """Read the rows, each with its name. One that it cannot read is left out, and logged once."""
    found: list[T] = []
    for name, row in rows:
        try:
            found.append(read(name, row))
        except (*UNREADABLE, TypeError) as error:  # of pydantic, json, dates
            if name not in _told and len(_told) < MOST_TOLD:
                _told.add(name)
                what = " ".join(str(error).split())[:200]
                _log.warning("%s is left out of a list, as something else has written over it (%s)", name, what)
    return found

"""Reads the JSON value of an answer, also where a model has put other text around it.

The value is read out when exactly one is there that may be meant. Where several may be, or one is broken, nothing is
guessed: an extraction asks again.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from llamaq.extraction.thinking_tags import THINKING_TAGS
from llamaq.vocabulary.wire import dumps

AROUND = " \t\r\n\ufeff\u200b\u2060"
"""White space, a byte order mark, and characters without width."""
_FENCED = re.compile(r"`{3,}[\w-]*\s*(.*?)\s*`{3,}", re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+("?)|[\[\]{}]', re.DOTALL)
"""A JSON string, whose group is empty where it has no end; or a bracket."""
_BRACKET = re.compile(r"[\[\]{}]")
_CLOSING = {"{": "}", "[": "]"}
_WORD = r"[^\W\d_][^\"':\[\]{}]*"
_WORDS = re.compile(rf"\{{{_WORD}\}}|\[(?!(?:true|false|null|none|nan|inf)\b){_WORD}\]", re.IGNORECASE)
"""Words in brackets, such as [see below]: no JSON, and no attempt at it."""


def read_value(text: str, may_be_meant: Callable[[Any], bool], *, cut: bool = False) -> Any:
    """Read the value of an answer.

    A byte order mark, thinking in tags, a code fence and words around the value are left out. Numbers, strings and
    words in running text are no values.

    Args:
        text: the answer.
        may_be_meant: whether a value is of the type that was asked for; others in the text, such as `[1]` for a
            footnote where an object was asked for, do not count.
        cut: whether the answer was cut. Then it has to be JSON alone, because a second value may be missing.

    Raises:
        ValueError: there is no value, or it is not clear which one is meant.
    """
    try:
        return parse_strict(text.strip(AROUND))
    except ValueError as error:
        if cut:
            raise
        return _find_value(_skip_thinking(text).strip(AROUND), may_be_meant, error)


def parse_strict(text: str) -> Any:
    """Parse a text that is JSON alone.

    As strict as the readers of a result: half a surrogate pair, 1e999 and a nesting beyond 200 levels are refused. The
    `completed` event has the value two levels deep.

    Raises:
        ValueError: the text is something else.
    """
    value = from_json(text.encode(), allow_inf_nan=False)
    from_json(dumps({"result": {"value": value}}))
    return value


def _find_value(text: str, may_be_meant: Callable[[Any], bool], error: ValueError) -> Any:
    fenced = _FENCED.fullmatch(text)
    with suppress(ValueError):  # several fences, or a fence inside of a string: the brackets tell
        return parse_strict(fenced[1] if fenced else text)
    values = list(_find_values(text, error))
    meant = [value for value in values if may_be_meant(value)]
    if len(meant) > 1:
        raise ValueError(f"{len(meant)} values are in it, and which one is meant is not clear: give one alone")
    if len(meant or values) != 1:
        raise error
    return (meant or values)[0]


def _skip_thinking(text: str) -> str:
    """Return the text behind the last thinking; nothing where a thinking has no end."""
    for opening, closing in THINKING_TAGS:
        text = text.rpartition(closing)[2]
        if opening in text:
            return ""
    return text


def _find_values(text: str, error: ValueError) -> Iterator[Any]:
    """Find the objects and lists of a text that stand in no other. Raises `error` at what may be a broken one."""
    at = 0
    while bracket := _BRACKET.search(text, at):
        end = _find_end(text, bracket.start())
        if end is None:
            raise error
        part, at = text[bracket.start() : end], end
        try:
            yield parse_strict(part)
        except ValueError:
            if not _WORDS.fullmatch(part):
                raise error from None


def _find_end(text: str, start: int) -> int | None:
    """Find the end of what the bracket at `start` begins; None where a bracket does not fit, or a string is open."""
    expected: list[str] = []
    for token in _TOKEN.finditer(text, start):
        if token[0] in _CLOSING:
            expected.append(_CLOSING[token[0]])
        elif token[0] in "]}":
            if not expected or expected.pop() != token[0]:
                return None
            if not expected:
                return token.end()
        elif not token[1]:
            return None
    return None

"""Numbers in a text that a person has written.

Python, and pydantic with it, reads more than people mean: `1_0` as 10, and the digits of each script.
"""

import re
from argparse import ArgumentTypeError
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

_NUMERAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)


def is_numeral(text: str) -> bool:
    """Whether it is a number in the digits 0 to 9, with a sign, a point or an exponent."""
    return _NUMERAL.fullmatch(text) is not None


def parse_whole(text: str) -> int:
    """Parse a whole number; a `type` of argparse.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        if is_numeral(text):
            return int(text)
    except ValueError:  # a fraction
        pass
    raise ArgumentTypeError(f"{text[:80]!r} is no whole number")


def parse_number(text: str) -> float:
    """Parse a number; a `type` of argparse.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not is_numeral(text):
        raise ArgumentTypeError(f"{text[:80]!r} is no number")
    return float(text)


def _check_numeral(given: Any) -> Any:
    if isinstance(given, str) and not is_numeral(given):
        raise PydanticKnownError("int_parsing")
    return given


AS_WRITTEN = BeforeValidator(_check_numeral)
"""The last part of a number's type, as in `Annotated[int, Ge(1), AS_WRITTEN]`."""

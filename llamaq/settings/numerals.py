"""Numbers in a text that a person has written.

Python, and pydantic with it, reads more than people mean: `1_0` as 10, and the digits of each script.
"""

import re

_NUMERAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)


def is_numeral(text: str) -> bool:
    """Whether it is a number in the digits 0 to 9, with a sign, a point or an exponent."""
    return _NUMERAL.fullmatch(text) is not None


def whole(text: str) -> int:
    """The whole number.

    Raises:
        ValueError: it is none.
    """
    if not is_numeral(text):
        raise ValueError(f"{text[:80]!r} is no number")
    return int(text)

"""Numbers among the arguments of a program, without what Python takes besides: `1_0`, `inf`, other digits."""

from argparse import ArgumentTypeError

from llamaq.settings.numerals import is_numeral, parse_whole


def whole(text: str) -> int:
    """A whole number; a `type` of argparse."""
    try:
        return parse_whole(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number") from None


def number(text: str) -> float:
    """A number; a `type` of argparse."""
    if not is_numeral(text):
        raise ArgumentTypeError(f"{text!r} is no number")
    return float(text)

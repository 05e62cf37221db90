"""Numbers on the command line, without what Python takes besides: `1_0`, `inf`, the digits of other scripts."""

from typing import Any

import click
from click.types import FloatParamType, IntParamType

from llamaq.settings.numerals import is_numeral


class _Numeral(click.ParamType):  # type: ignore[type-arg]  # click 8.1, which is taken too, has no argument there
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; a text that is none is refused."""
        if isinstance(value, str) and not is_numeral(value):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return super().convert(value, param, ctx)


class Whole(_Numeral, IntParamType):
    """A whole number."""


class WholeRange(_Numeral, click.IntRange):
    """A whole number within bounds."""


class Number(_Numeral, FloatParamType):
    """A number."""


class NumberRange(_Numeral, click.FloatRange):
    """A number within bounds."""

"""Whole numbers in queries and paths."""

from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from llamaq.settings.numerals import is_numeral


def _numeral(given: Any) -> Any:
    if isinstance(given, str) and not is_numeral(given):
        raise PydanticKnownError("int_parsing")
    return given


AS_WRITTEN = BeforeValidator(_numeral)
"""The last part of the type of a parameter: `Annotated[int, Query(ge=1), AS_WRITTEN]`. Pydantic takes `1_0` as 10."""

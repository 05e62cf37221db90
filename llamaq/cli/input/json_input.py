"""JSON that the user gives: in a file, a pipe or an option."""

import json
from typing import Any

from pydantic_core import from_json


def parse_json(given: bytes | str) -> Any:
    """Parse a text, or the bytes of one: UTF-8, or UTF-16 and UTF-32 as Windows writes them.

    Raises:
        ValueError: it is no JSON, or is nested deeper than 200 levels; NaN and infinite numbers are none.
    """
    text = given if isinstance(given, str) else given.decode(json.detect_encoding(given))
    return from_json(text, allow_inf_nan=False)

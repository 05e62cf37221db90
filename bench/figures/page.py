"""Writes the measured parts of a page anew. All else on the page is written by hand, and is left alone.

Each part stands between two lines, `<!-- measured: NAME -->` and `<!-- measured: end -->`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_PART = re.compile(
    r"(?P<begin>^<!-- measured: (?P<name>\w+) -->\n)(?P<text>.*?)(?P<end>\n<!-- measured: end -->$)",
    re.MULTILINE | re.DOTALL,
)


def renew(path: Path, parts: Mapping[str, str]) -> None:
    """Write the parts of this file anew. Raises as `renewed`."""
    path.write_text(renewed(path.read_text("utf-8"), parts), "utf-8")


def renewed(page: str, parts: Mapping[str, str]) -> str:
    """The page with the text of these parts.

    Raises:
        ValueError: the page has other parts.
    """
    known = parts_of(page)
    if known.keys() != parts.keys():
        raise ValueError(f"the page has the parts {', '.join(known)}; there are {', '.join(parts)}")
    return _PART.sub(lambda found: found["begin"] + parts[found["name"]] + found["end"], page)


def parts_of(page: str) -> dict[str, str]:
    """The text of each part, by its name."""
    return {found["name"]: found["text"] for found in _PART.finditer(page)}

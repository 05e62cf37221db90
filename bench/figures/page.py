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


def renew_page(path: Path, parts: Mapping[str, str]) -> None:
    """Write the parts of this file anew. Raises as `replace_parts`."""
    path.write_text(replace_parts(path.read_text("utf-8"), parts), "utf-8")


def replace_parts(page: str, parts: Mapping[str, str]) -> str:
    """Replace the text of the parts of a page.

    Raises:
        ValueError: the page has other parts.
    """
    known = find_parts(page)
    if known.keys() != parts.keys():
        raise ValueError(f"the page has the parts {', '.join(known)}; there are {', '.join(parts)}")
    return _PART.sub(lambda found: found["begin"] + parts[found["name"]] + found["end"], page)


def find_parts(page: str) -> dict[str, str]:
    """Find the text of each part, by its name."""
    return {found["name"]: found["text"] for found in _PART.finditer(page)}

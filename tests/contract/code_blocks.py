"""The blocks of code in the pages."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.contract.built import CHECKOUT

PAGES = [*sorted(CHECKOUT.glob("docs/*.md")), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """One block of code.

    Attributes:
        page: the page's path in the checkout.
        line: the number of its first line.
        language: what stands behind the three backticks.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> Iterator[Block]:
    """All blocks in these languages."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in _BLOCK.finditer(text):
            if found["language"] in languages:
                line = text.count("\n", 0, found.start()) + 2
                plain = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
                yield Block(str(page.relative_to(CHECKOUT)), line, found["language"], plain)


def page_of(path: Path) -> str:
    """A page's text without its blocks of code."""
    return _BLOCK.sub("", path.read_text("utf-8"))

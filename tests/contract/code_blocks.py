"""The blocks of code in the pages."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.contract.built import CHECKOUT

_OF_OTHERS = ("node_modules", "site")


def _pages(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.md")
    for inside in folder.iterdir():
        if inside.is_dir() and not inside.is_symlink() and inside.name[0] != "." and inside.name not in _OF_OTHERS:
            yield from _pages(inside)


PAGES = sorted(_pages(CHECKOUT))
"""Every page of the repository."""
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)


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


def of_language(language: str) -> list[Block]:
    """Its blocks, of which there must be some: a parametrized test without values passes unseen.

    Raises:
        LookupError: there is none.
    """
    if found := list(blocks(language)):
        return found
    raise LookupError(f"no page has a block of {language}")


def languages() -> set[str]:
    """Those that any block is in."""
    return {found["language"] for page in PAGES for found in _BLOCK.finditer(page.read_text("utf-8"))}


def page_of(path: Path) -> str:
    """A page's text without its blocks of code."""
    return _BLOCK.sub("", path.read_text("utf-8"))

"""What a release needs beside the packages: `python3 -m checkout.release v0.2.0` prints its notes.

It ends with 1, and one line that says what to do, where the tag is not the version of the package or CHANGELOG.md has
no dated section of it. Standard library alone, so that a workflow runs it before it installs anything.
"""

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class NotReady(Exception):
    """The tag and the checkout do not fit together; the message is the line to show."""


def read_version(root: Path = ROOT) -> str:
    """Read the version of the package without importing it."""
    found = re.search(r'^__version__ = "(.+)"$', (root / "llamaq" / "__init__.py").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise NotReady('llamaq/__init__.py has no line `__version__ = "..."`')
    return found[1]


def read_notes(tag: str, root: Path = ROOT) -> str:
    """Read the section of CHANGELOG.md for a tag, without its heading.

    Raises:
        NotReady: the tag is not `v` and the version, or the section is missing, has no date or is empty.
    """
    number = read_version(root)
    if tag != f"v{number}":
        raise NotReady(f"the tag is {tag}, and llamaq/__init__.py says {number}: tag v{number}, or change __version__")
    text = (root / "CHANGELOG.md").read_text("utf-8")
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        if heading.split()[0] == number:
            return _dated(heading, body)
    today = datetime.now(UTC).date()
    raise NotReady(f"CHANGELOG.md has no section of {number}: write `## {number} - {today}` below `## Unreleased`")


def _dated(heading: str, body: str) -> str:
    try:
        date.fromisoformat(heading.partition(" - ")[2])
    except ValueError:
        raise NotReady(f"CHANGELOG.md: `## {heading}` needs a date, as in `## 1.2.3 - 2026-01-31`") from None
    if not body.strip():
        raise NotReady(f"CHANGELOG.md: the section `## {heading}` is empty")
    return f"{body.strip()}\n"


def main(arguments: list[str]) -> int:
    """Print the notes of a tag."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 -m checkout.release TAG\n")
        return 2
    try:
        sys.stdout.write(read_notes(arguments[0]))
    except NotReady as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

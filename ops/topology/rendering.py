"""Copies a configuration file with other addresses and paths, and no other change."""

from collections.abc import Mapping
from pathlib import Path


class NothingToChange(Exception):
    """The file does not contain the text to replace, so it no longer fits the topology."""


def render(source: Path, target: Path, changes: Mapping[str, str]) -> Path:
    """Write `source` to `target` with every key of `changes` replaced by its value.

    Raises:
        NothingToChange: a key is not in the file.
    """
    text = source.read_text()
    for old, new in changes.items():
        if old not in text:
            raise NothingToChange(f"{source.name} holds no {old!r}")
        text = text.replace(old, new)
    target.write_text(text)
    return target

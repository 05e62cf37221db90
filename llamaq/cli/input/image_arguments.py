"""Separates the arguments of `describe` into images and prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

DEFAULT_PROMPT = "Describe what you see."
_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".svg"}
)


@dataclass(frozen=True)
class Subject:
    """The images and the prompt."""

    images: Sequence[str]
    prompt: str | None = None

    def paths(self) -> list[Path]:
        """The images.

        Raises:
            click.BadParameter: one is not there.
        """
        for image in self.images:
            if not is_file(image):
                raise missing_image_error(image)
        return [Path(image) for image in self.images]


def split_arguments(words: Sequence[str]) -> Subject:
    """Split off the prompt: the last argument, unless it is a file or looks like the name of one.

    Raises:
        click.UsageError: no image is left.
    """
    if not words:
        raise click.UsageError("no image given")
    if _looks_like_file(words[-1]):
        return Subject(words)
    if len(words) == 1:
        raise click.UsageError(f"no image given: {words[-1]!r} is not a file")
    return Subject(words[:-1], words[-1])


def _looks_like_file(word: str) -> bool:
    # A mistyped file name must not become the prompt.
    suffix = Path(word).suffix
    looks_like_file = is_image_name(word) or (" " not in word and ("/" in word or len(suffix) > 1))
    return looks_like_file or is_file(word)


def is_image_name(word: str) -> bool:
    """Whether it has the suffix of an image, which no model's name has."""
    return Path(word).suffix.lower() in _SUFFIXES


def missing_image_error(image: str) -> click.BadParameter:
    """The error where there is no such file."""
    return click.BadParameter(f"no image {image!r}: there is no such file (a prompt? use --prompt)")


def is_file(word: str) -> bool:
    """Whether there is such a file. A text can be too long for a file name."""
    try:
        return Path(word).is_file()
    except OSError:
        return False

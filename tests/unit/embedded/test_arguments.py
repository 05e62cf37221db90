"""The numbers among the arguments of the programs beside the service."""

import sys

import pytest

from tests.commands import run


@pytest.mark.parametrize(
    "words",
    [
        ("embedded.scripted", "--slots", "1_0"),
        ("embedded.scripted", "--keep-alive", "1_0"),
        ("embedded.ollama", "--port", "1_0"),
        ("embedded.ollama", "--keep-alive", "inf"),
        ("tests.chaos", "--seconds", "1_0"),
        ("tests.chaos", "--seed", "\u0661\u0660"),
    ],
    ids=" ".join,
)
def test_a_number_has_plain_digits(words: tuple[str, ...]) -> None:
    """As a setting has: what Python takes besides is a mistake of whoever typed it."""
    done = run([sys.executable, "-m", *words, "--help"], timeout=60)

    assert done.returncode == 2
    assert f"{words[-1]!r} is no" in done.stderr

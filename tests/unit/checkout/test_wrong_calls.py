"""Calls that a newcomer makes by mistake: the answer is one line, with the remedy."""

import os
import sys
from pathlib import Path

import pytest

import llamaq
from tests.commands import run

RUN = Path(__file__).resolve().parents[3] / "run.py"


@pytest.mark.parametrize("command", ["generate", "lint", "model"])
def test_arguments_that_nobody_reads_are_refused(command: str) -> None:
    """`run.py generate MODEL PROMPT` writes files, where the command line was meant."""
    done = run([sys.executable, RUN, command, "llama3.2", "hi"])

    assert done.returncode == 1
    assert f"`{command}` takes no arguments" in done.stderr
    assert ("run.py llamaq generate" in done.stderr) == (command == "generate")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("gatway", "gateway"),
        ("wroker", "worker"),
        ("tests", "test"),
        ("ops topolgy", "ops topology"),
        ("docs", "docs build or docs serve"),
    ],
)
def test_a_misspelt_command_is_told(word: str, meant: str) -> None:
    """Ahead of the list of commands."""
    done = run([sys.executable, RUN, *word.split()])

    assert done.returncode == 2
    assert done.stderr.startswith(f"run.py: there is no command {word!r}: did you mean {meant}?\n")


def test_the_version_needs_no_set_up() -> None:
    """As any program tells it; also with nothing installed."""
    done = run([sys.executable, "-S", RUN, "--version"])

    assert (done.returncode, done.stdout.split(",")[0]) == (0, f"llamaq {llamaq.__version__}"), done.stderr


def test_the_command_line_names_the_package_that_is_missing() -> None:
    """`python -m llamaq` in a checkout, with a Python that has nothing installed."""
    done = run([sys.executable, "-S", "-m", "llamaq", "--help"], cwd=RUN.parent, env={"PATH": os.environ["PATH"]})

    assert done.returncode == 1
    assert "is not installed for this Python" in done.stderr
    assert "Traceback" not in done.stderr

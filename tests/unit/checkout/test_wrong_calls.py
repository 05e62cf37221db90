"""Calls that a newcomer makes by mistake: the answer is one line, with the remedy."""

import os
import sys
from pathlib import Path

import pytest

from tests.commands import run

RUN = Path(__file__).resolve().parents[3] / "run.py"


@pytest.mark.parametrize("command", ["generate", "lint", "model"])
def test_arguments_that_nobody_reads_are_refused(command: str) -> None:
    """`run.py generate MODEL PROMPT` writes files, where the command line was meant."""
    done = run([sys.executable, RUN, command, "llama3.2", "hi"])

    assert done.returncode == 1
    assert f"`{command}` takes no arguments" in done.stderr
    assert ("run.py llamaq generate" in done.stderr) == (command == "generate")


def test_the_command_line_names_the_package_that_is_missing() -> None:
    """`python -m llamaq` in a checkout, with a Python that has nothing installed."""
    done = run([sys.executable, "-S", "-m", "llamaq", "--help"], cwd=RUN.parent, env={"PATH": os.environ["PATH"]})

    assert done.returncode == 1
    assert "is not installed for this Python" in done.stderr
    assert "Traceback" not in done.stderr

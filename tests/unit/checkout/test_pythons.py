"""Which Pythons run.py takes, what it says to the others, and that it asks nothing more of them."""

import ast
import sys
from pathlib import Path

import pytest

from tests.commands import run

RUN = Path(__file__).resolve().parents[3] / "run.py"


def test_another_python_is_told_what_is_needed() -> None:
    """A Python that is too old or too new gets one line with its own version and the ones that work."""
    code = "import runpy, sys; sys.version_info = (3, 10, 4); sys.version = '3.10.4 (x)'; runpy.run_path(sys.argv[1])"
    done = run([sys.executable, "-c", code, RUN])
    assert done.returncode == 1
    assert done.stderr.startswith("run.py: needs Python 3.11 to 3.14; ")
    assert " is 3.10.4: " in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("minor", "code"), [(10, 1), (11, 0), (12, 0), (13, 0), (14, 0), (15, 1)])
def test_four_pythons_are_welcome(minor: int, code: int) -> None:
    """3.11 to 3.14: what the lock files serve, and no other."""
    python = f"import runpy, sys; sys.version_info = (3, {minor}, 0); sys.argv[1:2] = []; "
    python += f"runpy.run_path({str(RUN)!r}, run_name='__main__')"
    done = run([sys.executable, "-c", python, "x", "--help"], cwd=RUN.parent)
    assert done.returncode == code, done.stderr


def test_nothing_has_to_be_installed_for_the_set_up() -> None:
    """run.py and what it is made of import the standard library, and each other."""
    for file in (RUN, *(RUN.parent / "checkout").glob("*.py")):
        names: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
        assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"checkout"}, file


def test_an_old_python_can_read_the_file() -> None:
    """The syntax is old enough that Python 3.7 gets as far as the line about its version."""
    ast.parse(RUN.read_text(), feature_version=(3, 7))

"""What other backends rely on: the names, their types seen from outside, and that each says what it is."""

import ast
import inspect
import os
import sys
from pathlib import Path

import pytest

import llamaq
from tests.commands import run
from tests.contract import golden
from tests.contract.built import CHECKOUT

MODULES = sorted((CHECKOUT / "llamaq").rglob("*.py"))


def test_the_public_names_are_the_golden_ones() -> None:
    """One that goes, or is renamed, breaks somebody: the change is seen here."""
    assert all(hasattr(llamaq, name) for name in llamaq.__all__)
    golden.check("public_names.txt", "".join(f"{name}\n" for name in sorted(llamaq.__all__)))


def test_nothing_public_is_kept_from_the_list() -> None:
    """What `import llamaq` shows and is no module, is in `__all__`."""
    shown = {name for name, thing in vars(llamaq).items() if not name.startswith("_") and not inspect.ismodule(thing)}

    assert shown == set(llamaq.__all__)


def test_both_clients_have_the_same_verbs() -> None:
    """`AsyncJobQueue` is `JobQueue`, awaited: same names, same parameters, same defaults."""
    for blocking, awaiting in ((llamaq.JobQueue, llamaq.AsyncJobQueue), (llamaq.Job, llamaq.AsyncJob)):
        verbs = {name for name in vars(blocking) if not name.startswith("_")} - {"close"}
        assert verbs <= set(vars(awaiting))
        assert {name for name in vars(awaiting) if not name.startswith("_")} - {"aclose"} == verbs
        for verb in verbs:
            one, other = (inspect.signature(getattr(kind, verb)) for kind in (blocking, awaiting))
            assert one.parameters == other.parameters, verb


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_everything_public_says_what_it_is(path: Path) -> None:
    """A docstring for each module, class, function and method that has no underscore."""
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    inside = [node for owner in tree.body if isinstance(owner, ast.ClassDef) for node in owner.body]
    silent = [
        node.name
        for node in (*tree.body, *inside)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_a_users_program_type_checks_against_the_wheel(outside: Path, tmp_path: Path) -> None:
    """Mypy --strict, from outside: each verb gives exactly the type that the program says."""
    program = tmp_path / "program.py"
    program.write_text((Path(__file__).parent / "sample_program.py").read_text("utf-8"))
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MYPY"))}
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache")]
    done = run([*command, "--python-executable", str(outside), str(program)], cwd=tmp_path, env=bare, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr

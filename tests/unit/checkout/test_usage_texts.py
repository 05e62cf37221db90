"""Usage texts, errors and remedies call each program as the reader can call it."""

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest

import run
from llamaq.invocation import command_line

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = (
    "llamaq",
    "worker",
    "gateway",
    "tasks",
    "api_client",
    "ollama_api",
    "embedded",
    "demo",
    "bench",
    "ops",
    "codegen",
    "tests/chaos",
)
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
OF_OTHERS = ("pytest", "celery", "mkdocs")  # their usage texts are not ours
NO_USAGE = ("codegen", "embedded.weights", "llamaq.cli.checkout")  # take no arguments; the last has click's help
MODULES = {name: words[words.index("-m") + 1] for name, (_, words, _) in run.COMMANDS.items() if "-m" in words}
PROGRAMS = {name: module for name, module in MODULES.items() if module not in OF_OTHERS + NO_USAGE}


@pytest.mark.parametrize(
    "words",
    [*([*name.split()] for name in PROGRAMS), ["gateway", "key"]],
    ids=" ".join,
)
def test_a_usage_text_names_the_command(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it prints can be typed: each line of the usage begins with the words that start this program."""
    name = " ".join(words[:2]) if " ".join(words[:2]) in PROGRAMS else words[0]
    monkeypatch.setattr(sys, "argv", ["x", *words[len(name.split()) :], "--help"])

    with pytest.raises(SystemExit) as end:
        runpy.run_module(PROGRAMS[name], run_name="__main__", alter_sys=True)

    printed = capsys.readouterr().out
    assert end.value.code == 0
    assert printed.startswith(f"usage: python3 run.py {' '.join(words)} ")
    assert " -m " not in printed


def test_lock_shows_its_own_usage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its options go to uv, which would be fetched and would show another program's help."""
    monkeypatch.setattr(sys, "argv", ["lock.py", "--help"])
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "requirements/lock.py"), run_name="__main__")

    assert end.value.code is None
    assert capsys.readouterr().out.startswith("usage: python3 run.py lock ")


def test_where_the_packages_alone_are_installed_run_py_is_not_named(tmp_path: Path) -> None:
    """The image has the packages and no run.py."""
    assert command_line("worker check", tmp_path) == "python -m worker check"
    assert command_line("worker check") == "python3 run.py worker check"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_has_the_other_form(folder: str) -> None:
    """Each text of the code, docstrings too: a remedy that says `-m` is wrong where run.py set up the packages."""
    texts = [
        (path.relative_to(ROOT).as_posix(), text)
        for path in SOURCES
        if path.is_relative_to(ROOT / folder)
        for text in _texts(path)
    ]
    commands = {*MODULES.values()} - {*OF_OTHERS, "llamaq.cli.checkout"}  # its docstring tells how run.py starts it
    found = {
        (path, module)
        for path, text in texts
        for module in re.findall(r"python3? -m ([\w.]+)", text)
        if module in commands
    }
    assert found - {("llamaq/invocation.py", "worker")} == set()
    named = {word for _, text in texts for word in re.findall(r"`(?:python3 )?run\.py ([a-z]+)", text)}
    assert named - {name.split()[0] for name in run.COMMANDS} == set()


def _texts(path: Path) -> list[str]:
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

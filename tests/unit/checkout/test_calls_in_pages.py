"""The pages call each program in one way: `python3 run.py NAME`."""

import re
import sys
from pathlib import Path

import pytest

import run
from tests.commands import run as run_command

ROOT = Path(__file__).resolve().parents[3]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("ops/**/*.md"), *ROOT.glob("bench/**/*.md")]
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]  # it tells how a program was called when it came
OURS = {name.split()[0] for name in run.COMMANDS} | {"codegen", "tests"}
ALLOWED = (
    "docker compose run",  # the image has neither run.py nor a venv beside it
    "python -m worker.liveness_probe",  # a container's health check, which must not read settings
    "image and in the systemd units",  # the sentence of operations.md that says which form is for whom
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_calls_our_programs_by_run_py(page: Path) -> None:
    """Another form stands only where run.py is not."""
    lines = [line for line in page.read_text("utf-8").splitlines() if not any(word in line for word in ALLOWED)]
    others = [line for line in lines if set(re.findall(r"python3? -m (\w+)", line)) & OURS]
    assert others == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_calls_is_a_command(page: Path) -> None:
    """Also its second word, where the command has one."""
    called = re.findall(r"run\.py ([a-z]+(?: [a-z]+)?)(?![\w.=])", page.read_text("utf-8"))
    names = [name if name in run.COMMANDS else name.split()[0] for name in called]
    assert [name for name in names if name not in run.COMMANDS and name != "ops"] == []


def test_each_command_is_there() -> None:
    """The module that it runs can be imported by this name."""
    modules = [words[words.index("-m") + 1] for _, words, _ in run.COMMANDS.values() if "-m" in words]
    files = [ROOT / name.replace(".", "/") for name in modules if name not in ("pytest", "celery", "mkdocs")]
    assert [
        path for path in files if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists()
    ] == []


def test_the_credentials_need_no_package() -> None:
    """They are made on a machine with Docker alone: no venv is set up for them."""
    done = run_command([sys.executable, "-S", "-E", ROOT / "run.py", "ops", "credentials", "--help"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python3 run.py ops credentials")


def test_half_a_name_is_no_command() -> None:
    """The answer lists those that there are."""
    done = run_command([sys.executable, ROOT / "run.py", "ops"])
    assert done.returncode == 2
    assert "ops credentials" in done.stderr

"""The rules of the structure that a machine can hold."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.commands import run
from tests.contract.built import CHECKOUT

PACKAGES = ("llamaq", "api_client", "ollama_api", "tasks", "worker", "gateway", "embedded", "demo", "ops/flower")
WHOLE = (*PACKAGES, "bench", "checkout", "codegen")
MOST_LINES = 300
MOST_MODULES = 14
# The health check of a container asks every few seconds, and importing llamaq for its clock would cost half a second.
CLOCKS = {"llamaq/store/clock.py", "worker/liveness_probe.py"}
ENVIRONMENT_READERS = {
    "llamaq/settings/environment.py",
    "worker/settings/environment.py",
    "worker/__main__.py",  # whether traces are asked for, before what reads the settings is imported
}
"""One for each program."""
VAGUE = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "types", "misc"}


def _sources() -> list[Path]:
    return [
        path for package in PACKAGES for suffix in ("py", "lua") for path in (CHECKOUT / package).rglob(f"*.{suffix}")
    ]


def test_imports_point_one_way() -> None:
    """import-linter's contracts: the layers, Celery in its one place, HTTP in the API client."""
    done = run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=CHECKOUT,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_file_is_too_long() -> None:
    """Below 300 lines, most of them far below."""
    long = {
        str(path.relative_to(CHECKOUT)): lines
        for path in _sources()
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }

    assert long == {}


def test_no_folder_has_too_many_modules() -> None:
    """A folder that is read at one look: at most 14 modules or scripts beside `__init__`."""
    modules = [path for top in WHOLE for end in ("py", "lua") for path in (CHECKOUT / top).rglob(f"*.{end}")]
    counted = Counter(path.parent for path in modules if path.stem != "__init__")

    assert {str(folder.relative_to(CHECKOUT)): n for folder, n in counted.items() if n > MOST_MODULES} == {}


def test_nothing_is_imported_for_types_alone() -> None:
    """`TYPE_CHECKING` would hide a circle of imports from import-linter."""
    assert [str(path) for path in _sources() if "TYPE_CHECKING" in path.read_text("utf-8")] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    """A module is named for what it is."""
    assert [path for path in _sources() if path.stem in VAGUE] == []


@pytest.mark.parametrize(
    ("words", "only_in"),
    [
        (("os.environ", "os.getenv"), ENVIRONMENT_READERS),
        (("time.time(", "time.monotonic(", "time.sleep(", "uuid.uuid4(", "random.random("), CLOCKS),
    ],
)
def test_the_environment_and_time_come_in_at_one_place(words: tuple[str, ...], only_in: set[str]) -> None:
    """Where else they are used, a test has no hold on them; the embedded parts and the command line stand apart."""
    apart = ("embedded/", "demo/", "llamaq/cli/", "api_client/clock.py")
    found = {
        name
        for path in _sources()
        if not (name := str(path.relative_to(CHECKOUT))).startswith(apart)
        and any(word in path.read_text("utf-8") for word in words)
    }

    assert found <= only_in

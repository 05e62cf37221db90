"""Tests with the same `xdist_group` run in one process, one after another."""

import sys
from pathlib import Path

from tests.commands import run
from tests.worker_process import CHECKOUT

SUITE = """
import os
import pytest

def tell(request):
    with open("ran", "a") as ran:
        ran.write(f"{request.node.originalname} {os.environ['PYTEST_XDIST_WORKER']}\\n")

@pytest.mark.parametrize("number", range(8))
@pytest.mark.xdist_group("marked")
def test_marked(number, request): tell(request)

@pytest.fixture(scope="module")
def shared(): ...

@pytest.mark.parametrize("number", range(8))
def test_sharing(number, shared, request): tell(request)

@pytest.mark.parametrize("number", range(8))
def test_free(number, request): tell(request)

@pytest.mark.xdist_group("marked")
def test_marked_as_well(request): tell(request)
"""


def test_a_group_runs_in_one_process(tmp_path: Path) -> None:
    """All of a group in the same of two processes, marked or sharing a fixture; the others are spread over both."""
    (tmp_path / "test_it.py").write_text(SUITE)
    options = ["-q", "-p", "xdist.plugin", "-p", "tests.groups", "--rootdir", str(tmp_path)]
    options += ["--import-mode=importlib", "-n", "2", "--dist", "loadgroup"]
    command = [sys.executable, "-m", "pytest", *options]
    done = run(command, cwd=tmp_path, env={"PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert done.returncode == 0, done.stdout + done.stderr

    ran = [line.split() for line in (tmp_path / "ran").read_text().splitlines()]
    assert len(ran) == 25
    for prefix, number in (("test_marked", 9), ("test_sharing", 8)):
        group = [process for name, process in ran if name.startswith(prefix)]
        assert len(group) == number
        assert len(set(group)) == 1
    assert {process for _, process in ran} == {"gw0", "gw1"}

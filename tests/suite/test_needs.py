"""A test whose program is missing is skipped and named; in CI it fails."""

import os
import re
import sys
from pathlib import Path

import pytest

from ops.topology import packages
from tests import programs
from tests.commands import run
from tests.worker_process import CHECKOUT

SUITE = """
import pytest

@pytest.fixture
def ask():
    raise AssertionError("started without its program")

@pytest.mark.needs("nginx", "curl")
def test_two(): ...

@pytest.mark.needs("nginx")
def test_one(): ...

def test_through_a_fixture(ask): ...

def test_nothing(): ...
"""
LINE = "skipped: 3 tests that need curl, nginx, prometheus; `python3 run.py test --all` installs them (Debian, as root)"


def run_pytest(folder: Path, suite: str, *words: str, ci: str = "") -> tuple[int, list[str]]:
    """Pytest's exit code and its lines, on a machine that has none of the table's programs."""
    (folder / "test_it.py").write_text(suite)
    # `shutil.which` looks where Debian keeps daemons, too: a machine without them is one on which it finds nothing.
    (folder / "sitecustomize.py").write_text("import shutil; shutil.which = lambda name, path=None: None")
    # Without the plugins that other packages bring: their imports take a second.
    environment = {"PATH": str(folder), "PYTHONPATH": f"{folder}:{CHECKOUT}", "CI": ci}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-q", "-p", "xdist.plugin", "-p", "tests.needs", "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", *options, *words]
    done = run(command, cwd=folder, env=environment)
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_is_missing_is_skipped_and_the_last_line_tells(tmp_path: Path, processes: str) -> None:
    """One line: how many, what they need, and the command that brings it; the run is a good one."""
    code, lines = run_pytest(tmp_path, SUITE, "-n", processes)
    assert code == 0, lines
    assert lines[-1] == LINE
    assert re.match("1 passed, 3 skipped", lines[-2])
    assert sum("nginx" in line for line in lines) == 1


def test_in_ci_it_fails(tmp_path: Path) -> None:
    """Each names what is missing, and nothing is skipped."""
    code, lines = run_pytest(tmp_path, SUITE, ci="true")
    assert code == 1
    assert "missing: curl, nginx (run.py test --all)" in "\n".join(lines)
    assert re.match("1 passed, 3 errors", lines[-1])


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0), ("false", 0)])
def test_ci_takes_no_other_skip_either(tmp_path: Path, ci: str, code: int) -> None:
    """Whatever the reason: what was left out was not tested."""
    suite = "import pytest\ndef test_a(): pytest.skip('not today')\ndef test_b(): ..."
    assert run_pytest(tmp_path, suite, ci=ci)[0] == code


def test_a_name_that_the_table_does_not_know_is_a_mistake(tmp_path: Path) -> None:
    """It would be skipped for ever."""
    code, lines = run_pytest(tmp_path, "import pytest\n@pytest.mark.needs('ngnix')\ndef test_a(): ...")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "test_it.py::test_a needs {'ngnix'}, of which tests/programs.py knows nothing" in "\n".join(lines)


def test_what_no_package_brings_promises_no_remedy(tmp_path: Path) -> None:
    """No command turns another system into Linux."""
    (tmp_path / "conftest.py").write_text("from tests import programs; programs.is_there = lambda need: False")
    _, lines = run_pytest(tmp_path, "import pytest\n@pytest.mark.needs('Linux')\ndef test_a(): ...\ndef test_b(): ...")
    assert lines[-1] == "skipped: 1 tests that need Linux"


def test_live_tests_are_not_selected_where_no_ollama_answers() -> None:
    """They are no skip, in CI either."""
    nobody = {"OLLAMA_HOST": "127.0.0.1:9", "CI": "true"}
    for environment in (nobody, {"CI": "true"}):
        bare = {name: value for name, value in os.environ.items() if name != "OLLAMA_HOST"}
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/live"]
        done = run(command, cwd=CHECKOUT, env=bare | environment)
        assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout
        assert re.search(r"^\d+ deselected", done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("said", "there"), [("6.2.14", False), ("7.0.15", True), ("8.0.2", True)])
def test_an_old_redis_counts_as_none(said: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tests ask for what came with version 7."""
    server = tmp_path / "redis-server"
    server.write_text(f"#!/bin/sh\necho 'Redis server v={said} sha=00000000:0'")
    server.chmod(0o755)
    monkeypatch.setattr(programs, "find_program", lambda name: str(server))
    assert programs.is_there("redis-server 7") is there


class Machine:
    """One that lacks nginx and promtool, with an apt-get that writes down what it is asked, and what it saw."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.policy = folder / "policy-rc.d"
        self.path = folder / "path"
        self._log = folder / "log"
        self._apt = folder / "apt-get"
        self.answer(0)
        monkeypatch.setattr(programs, "is_there", lambda need: need not in ("nginx", "promtool"))
        monkeypatch.setattr(packages, "_POLICY", self.policy)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setenv("PATH", f"{folder}:{os.defpath}")
        monkeypatch.delenv("DEBIAN_FRONTEND", raising=False)

    def answer(self, code: int) -> None:
        seen = f'echo "$DEBIAN_FRONTEND $(tail -n 1 {self.policy}) $*" >>{self._log}; echo "$PATH" >{self.path}'
        self._apt.write_text(f"#!/bin/sh\n{seen}\nexit {code}\n")
        self._apt.chmod(0o755)

    def asked(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_what_is_missing_is_installed_and_no_server_started(machine: Machine) -> None:
    """Only the missing packages, by name; Debian is told meanwhile to start nothing, and no longer afterwards."""
    assert programs.main() == 0
    update, install = machine.asked()
    assert update.endswith(" update")
    assert install.startswith("noninteractive exit 101 ")
    assert install.endswith(" install -y --no-install-recommends nginx-light prometheus")
    assert not machine.policy.exists()


def test_dpkg_finds_what_it_runs_where_root_has_the_path_of_a_user(machine: Machine) -> None:
    """As after `su`, or in an empty environment: dpkg refuses to work without `ldconfig` and `start-stop-daemon`."""
    assert programs.main() == 0
    assert {"/usr/local/sbin", "/usr/sbin", "/sbin"} <= set(machine.path.read_text().strip().split(":"))


def test_a_policy_of_the_machine_stays(machine: Machine) -> None:
    """It is there already where whoever made the machine wanted it."""
    machine.policy.write_text("theirs")
    assert programs.main() == 0
    assert machine.policy.read_text() == "theirs"


def test_apt_that_fails_is_reported(machine: Machine) -> None:
    """No test runs then; and the policy goes."""
    machine.answer(100)
    assert programs.main() == 1
    assert len(machine.asked()) == 1
    assert not machine.policy.exists()


def test_others_than_root_are_told_what_is_missing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with Debian's names, and nothing is tried."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert programs.main() == 1
    assert capsys.readouterr().err == (
        "test --all: this machine lacks nginx-light prometheus: "
        "as root on Debian, apt-get install nginx-light prometheus\n"
    )
    assert machine.asked() == []


def test_a_machine_that_lacks_nothing_needs_no_root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """`test --all` is then the same as `test`."""
    monkeypatch.setattr(programs, "is_there", lambda need: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert programs.main() == 0
    assert machine.asked() == []

"""run.py sets up a checkout by itself, repairs what broke off, and says in one line what it lacks.

A checkout here is a copy of run.py with a package of a few bytes for each lock file, which pip takes from a directory:
real venvs, a real pip, and no network.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkout import pip, venv
from embedded.child import bind_command
from tests.commands import run

RUN = Path(__file__).resolve().parents[3] / "run.py"
LAYERS = ("service", "demo", "model", "dev")
DEMO = """
import json, os, sys, tiny_demo, tiny_service, demo
print(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "prefix": sys.prefix}))
sys.exit(7)
"""
# One venv for the whole file, so on one worker of pytest-xdist.
pytestmark = pytest.mark.xdist_group("run.py")


class Checkout:
    """A small checkout in a directory of its own.

    Attributes:
        first: what the run gave that set it up.
    """

    first: tuple[int, str, str]

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        self.wheels = root / "wheels"
        self.home = root / "home"
        for directory in (self.root / "requirements", self.root / "demo", self.wheels, self.home):
            directory.mkdir(parents=True)
        shutil.copy(RUN, self.root)
        shutil.copytree(RUN.parent / "checkout", self.root / "checkout")
        (self.root / "demo" / "__main__.py").write_text(DEMO)
        for layer in LAYERS:
            self.lock(layer, write_wheel(self.wheels, f"tiny_{layer}"))

    def lock(self, layer: str, digest: str, remark: str = "") -> None:
        pin = f"tiny-{layer}==1.0 --hash=sha256:{digest}\n"
        (self.root / "requirements" / f"{layer}.txt").write_text(f"# {remark}\n{pin}")

    def state(self) -> dict[str, Any]:
        """What is noted of the venv."""
        found: dict[str, Any] = json.loads((self.root / ".venv" / "setup.json").read_text())
        return found

    def start(self, *args: str, **environment: str) -> "subprocess.Popen[str]":
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"}
        offline = {} if "PIP_INDEX_URL" in environment else {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        return subprocess.Popen(
            # A group of its own: pip is killed with it, and Ctrl-C can be sent to both.
            bind_command([sys.executable, str(self.root / "run.py"), *args], group=True),
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], **pip, **offline, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*args, **environment)
        out, err = process.communicate()
        return process.returncode, out, err


def write_wheel(directory: Path, name: str) -> str:
    """Writes a wheel with one empty module; returns its sha256."""
    path = directory / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that has been set up once; the packages of the tests are not installed."""
    checkout = Checkout(tmp_path_factory.mktemp("run"))
    checkout.first = checkout.run("demo")
    return checkout


@pytest.fixture
def ready(shared: Checkout) -> Checkout:
    """The same, in which the demo starts, whatever the test before left behind."""
    if "dev" in shared.state()["layers"]:
        shutil.rmtree(shared.root / ".venv")
    for layer in LAYERS:
        shared.lock(
            layer, hashlib.sha256((shared.wheels / f"tiny_{layer}-1.0-py3-none-any.whl").read_bytes()).hexdigest()
        )
    status, _, err = shared.run("demo")
    assert status == 7, err
    return shared


@pytest.fixture
def refusing() -> Iterator[str]:
    """The address of an index that refuses every connection: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/simple"


def test_a_first_run_says_what_it_does_in_a_few_lines(shared: Checkout) -> None:
    """Into a pipe: a line for the start and the end of each of its two pieces of work, and nothing of pip's own."""
    status, _, err = shared.first
    assert status == 7
    venv_starts, venv_ends, pip_starts, pip_ends = err.splitlines()
    assert venv_starts.startswith("run.py: making .venv with Python 3.")
    assert pip_starts == "run.py: installing service + demo packages ..."
    assert ": done (" in venv_ends
    assert ": done (" in pip_ends


def test_a_later_run_only_starts_the_program(ready: Checkout) -> None:
    """A set-up checkout starts at once: nothing printed, the program's own arguments, place and exit code."""
    status, out, err = ready.run("demo", "--port", "1")
    assert (status, err) == (7, "")
    assert json.loads(out) == {
        "argv": ["--port", "1"],
        "cwd": str(ready.root),
        "prefix": str(ready.root / ".venv"),
    }


def test_a_changed_lock_file_is_installed_and_no_other(ready: Checkout) -> None:
    """After a pull that changes a lock file, the next run installs that one, into the venv that is there."""
    ready.lock(
        "demo", hashlib.sha256((ready.wheels / "tiny_demo-1.0-py3-none-any.whl").read_bytes()).hexdigest(), "new"
    )
    status, _, err = ready.run("demo")
    assert status == 7
    assert "installing demo packages ..." in err
    assert "making .venv" not in err
    assert ready.run("demo")[2] == ""


def test_without_network_one_line_says_what_is_missing(ready: Checkout, refusing: str) -> None:
    """No traceback, the package's name, exit code 1; and what was installed before still starts without network."""
    status, out, err = ready.run("test", PIP_INDEX_URL=refusing)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith("run.py: could not download tiny-model==1.0: no network?")
    assert "Traceback" not in err
    assert ready.run("demo", PIP_INDEX_URL=refusing)[0::2] == (7, "")


def test_another_file_than_the_locked_one_is_refused(ready: Checkout) -> None:
    """A package whose bytes are not those of the lock file is not installed."""
    ready.lock("dev", "0" * 64)
    status, _, err = ready.run("test")
    assert status == 1
    assert "could not download tiny-dev==1.0: what arrived is not the file" in err.splitlines()[-1]
    assert not list((ready.root / ".venv").rglob("tiny_dev*"))


def test_an_interrupted_set_up_is_repaired_by_the_next_run(ready: Checkout) -> None:
    """Ctrl-C while pip waits for the network: exit code 130, no traceback, and the next run makes the venv whole."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = ready.start("test", PIP_INDEX_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        connection, _ = silent.accept()  # pip has asked, and will get no answer
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate()
        connection.close()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "run.py: stopped; the same command takes up from here"
    assert "Traceback" not in err
    status, _, err = ready.run("demo")
    assert status == 7
    assert "the old .venv goes" in err


def test_two_runs_at_once_take_turns(ready: Checkout) -> None:
    """While one run sets the checkout up, another says that it waits, and finds the work done when it gets its turn."""
    changed = ready.root / "requirements" / "demo.txt"
    changed.write_text(changed.read_text() + "\n")
    note = ready.root / ".venv" / "setup.json"
    with (ready.root / ".llamaq" / "setup.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = ready.start("demo")
        assert second.stderr
        assert second.stderr.readline() == "run.py: another run.py is setting this checkout up; waiting for it\n"
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1)
        state = ready.state()
        state["layers"]["demo"] = hashlib.sha256(changed.read_bytes()).hexdigest()
        note.write_text(json.dumps(state))
    _, err = second.communicate()
    assert (second.returncode, err) == (7, "")


def test_all_installs_programs_before_the_tests(ready: Checkout) -> None:
    """`test --all` runs the table's installer, then pytest with the other arguments; where that fails, no test runs."""
    tests = ready.root / "tests"
    tests.mkdir()
    (ready.root / "pytest.py").write_text("import sys; print('pytest', sys.argv[1:])")
    (tests / "programs.py").write_text("print('programs', flush=True)")
    status, out, err = ready.run("test", "--all", "-k", "x")
    assert status == 0, err
    first, second = out.splitlines()
    assert first == "programs"
    assert second.endswith("'-k', 'x']")
    assert "--all" not in second
    (tests / "programs.py").write_text("raise SystemExit('not root')")
    assert ready.run("test", "--all")[:2] == (1, "")
    assert ready.run("test")[0] == 0


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({}, True),
        ({"installing": ["dev"]}, False),
        ({"venv": "Python 3.11 x86_64 /where/it/was/.venv"}, False),
        ({"venv": None}, False),
    ],
)
def test_a_venv_counts_only_if_whole_and_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], usable: bool
) -> None:
    """A venv that broke off, was moved, or is of another Python is made anew."""
    monkeypatch.setattr(venv, "STATE", tmp_path / "setup.json")
    monkeypatch.setattr(venv, "PYTHON", sys.executable)
    state = {"venv": venv.identity(), "installing": [], "layers": {}, **changes}
    venv.STATE.write_text(json.dumps(state))
    assert venv.is_usable() is usable
    monkeypatch.setattr(venv, "PYTHON", str(tmp_path / "gone"))
    assert venv.is_usable() is False


@pytest.mark.parametrize("garbage", ["", "[]", "3", "{"])
def test_an_unreadable_note_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garbage: str) -> None:
    """Whatever a crash or an editor left in setup.json, the set-up starts over rather than failing."""
    monkeypatch.setattr(venv, "STATE", tmp_path / "setup.json")
    venv.STATE.write_text(garbage)
    assert venv.is_usable() is False


def test_a_python_without_pip_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pip is to be found, the line names the package that brings one."""
    monkeypatch.setattr(pip, "run_quietly", lambda *command: subprocess.CompletedProcess(command, returncode=1))
    with pytest.raises(pip.SetupError, match=r"has no pip: install python3\.1\d-venv"):
        pip.find_pip(sys.executable, sys.executable)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            "WARNING: Retrying (Retry(total=0)): Temporary failure in name resolution\n"
            "ERROR: Could not find a version that satisfies the requirement amqp==5.4.2 (from versions: none)\n",
            "could not download amqp==5.4.2: no network?",
        ),
        (
            "ERROR: HTTPSConnectionPool: Max retries exceeded with url: /ab/xllamacpp-2026.10-cp310-abi3-any.whl\n",
            "could not download xllamacpp-2026.10-cp310-abi3-any.whl: the package index stopped answering",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "the disk is full: ",
        ),
    ],
)
def test_what_pip_says_becomes_one_line(log: str, line: str) -> None:
    """The failures that a user can do something about are named, with the package."""
    assert str(pip.explain(log)).startswith(line)


def test_an_unknown_command_lists_the_known_ones() -> None:
    """A typing error costs one look, and sets nothing up."""
    done = run([sys.executable, str(RUN), "dmeo"])
    assert done.returncode == 2
    assert "there is no command 'dmeo'" in done.stderr
    assert "  demo " in done.stderr

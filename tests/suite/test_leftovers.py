"""However a run of the tests ends, no process that it started is left."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from embedded.child import bind_command
from tests.service import wait_until
from tests.worker_process import CHECKOUT

SUITE = """
import os
from pathlib import Path

from tests.commands import run
from tests.conftest import *


def test_with_a_worker(worker):
    wait()


def test_with_everything(ollama, tmp_path):
    from ops.topology.site import Site
    from tests.ops.browser import Browser, Chromium

    with Site(tmp_path / "site", ollama.url), Chromium(tmp_path / "profile") as chromium, Browser(chromium):
        wait()


def wait():
    os.mkfifo("go")
    Path("ready").touch()
    run(["sh", "-c", "cat go; exit 1"])
    raise AssertionError("a test that fails")
"""
SECONDS = 60
# Without the plugins that other packages bring: their imports take a second.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


class Run:
    """A pytest that is in the middle of a test.

    Attributes:
        folder: where it runs.
        process: the one that was started; its children are pytest-xdist's processes.
        below: all that it has started, and what those have, with their command lines.
    """

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.process = process
        self.below: dict[psutil.Process, str] = {}
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                self.below[child] = " ".join(child.cmdline())

    def programs(self) -> str:
        """The command lines of all that runs below it."""
        return "\n".join(self.below.values())

    def left(self) -> list[str]:
        """What still runs."""
        return [program for process, program in self.below.items() if not _has_ended(process)]


def _has_ended(process: psutil.Process) -> bool:
    try:
        # A zombie waits for the parent that it was given in the place of its own.
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def running(folder: Path, test: str, processes: int) -> Iterator[Run]:
    """Start one test of the suite above."""
    (folder / "test_it.py").write_text(SUITE)
    options = ["-n", str(processes), "--dist", "loadgroup", "--max-worker-restart=0"]
    options += ["-p", "xdist.plugin", "-p", "tests.conftest"]
    options += ["--rootdir", str(folder), "--import-mode=importlib"]
    command = [sys.executable, "-m", "pytest", *options, f"test_it.py::{test}"]
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(
            bind_command(command),
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is sent to its group
        ) as process,
    ):
        try:
            wait_until(lambda: (folder / "ready").exists() or process.poll() is not None)
            assert process.poll() is None, (folder / "output").read_text()
            # The program itself, and not the shell above it.
            wait_until(lambda: "cat go" in Run(folder, process).programs().splitlines())
            yield Run(folder, process)
        finally:
            process.kill()


def kill(run: Run) -> None:
    """As `kill -9` does, or a machine that is out of memory."""
    run.process.kill()


def kill_below(run: Run) -> None:
    """The same with the process in which pytest-xdist runs the test."""
    psutil.Process(run.process.pid).children()[0].kill()


def interrupt(run: Run) -> None:
    """Ctrl-C on a terminal goes to the whole group."""
    os.killpg(run.process.pid, signal.SIGINT)


def fail(run: Run) -> None:
    """Let the test fail."""
    (run.folder / "go").write_bytes(b"")


def test_whatever_tests_start_is_bound() -> None:
    """`subprocess.run` and `Popen` get `bind_command(...)`, or a test uses `tests.commands` or `spawn`."""
    files = [file for file in (CHECKOUT / "tests").rglob("*.py") if file.name not in ("programs.py", "commands.py")]
    assert [f"{file}:{line}" for file in files for line in _unbound(file)] == []


def _unbound(file: Path) -> list[int]:
    text = file.read_text()
    if "subprocess." not in text:  # most files; parsing them all takes seconds
        return []
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    starts = [call for call in calls if ast.unparse(call.func) in ("subprocess.run", "subprocess.Popen")]
    return [call.lineno for call in starts if not ast.unparse(call.args[0]).startswith("bind_command(")]


@pytest.mark.needs("Linux")
@pytest.mark.parametrize(("end", "processes"), [(kill, 1), (kill_below, 1), (interrupt, 0), (fail, 0)])
def test_no_process_is_left(end: Callable[[Run], None], processes: int, tmp_path: Path) -> None:
    """Redis, the scripted host, the worker, and a shell with a program of its own."""
    with running(tmp_path, "test_with_a_worker", processes) as run:
        for program in ("redis", "cat go"):
            assert program in run.programs()
        assert run.programs().count("tests.fork_server") == 3  # itself, the scripted host, the worker
        end(run)
        run.process.wait(SECONDS)
        wait_until(lambda: run.left() == [])


@pytest.mark.needs("Linux", "nginx", "openssl", "redis-server 7", "chromium")
def test_none_of_the_topology_is_left(tmp_path: Path) -> None:
    """Also not nginx's own children, nor chromium's. Flower and Prometheus are started as nginx is, by `Running`."""
    with running(tmp_path, "test_with_everything", 1) as run:
        for program in ("nginx: worker", "chromium", "--type=renderer", "-m worker"):
            assert program in run.programs()
        kill(run)
        run.process.wait(SECONDS)
        wait_until(lambda: run.left() == [])


def test_a_run_with_ctrl_c_ignored_can_interrupt_what_it_starts(tmp_path: Path) -> None:
    """As below nohup, or in the background of a shell: children inherit that, but for the tests'."""
    suite = """
import signal, sys
from tests.commands import run
from tests.conftest import pytest_configure

def test_it():
    program = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert run([sys.executable, "-c", program]).returncode == 0
"""
    (tmp_path / "test_it.py").write_text(suite)
    pytest_command = f"{sys.executable} -m pytest -q -n 1 -p xdist.plugin -p tests.conftest --rootdir {tmp_path}"
    done = subprocess.run(
        bind_command(["sh", "-c", f"trap '' INT; exec {pytest_command}"]),
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

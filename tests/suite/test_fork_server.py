"""A program that is forked behaves as one that is started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import commands, forked
from tests.unit.cli.shell import Shell

pytestmark = pytest.mark.needs("Linux")

# `os.getenv` and `os.environ.get` come by the same method.
READS = """
import os

class Watched(type(os.environ)):
    def __getitem__(self, name):
        read.add(name)
        return super().__getitem__(name)

read = set()
os.environ.__class__ = Watched
from tests import fork_server
fork_server.preload()
print(*read)
"""
ENDS = """
import atexit, sys, threading, time
atexit.register(print, "at the end")
threading.Thread(target=lambda: (time.sleep(0.1), print("the thread"))).start()
print("begun", end=" ")
"""
HOST = [sys.executable, "-m", "embedded.scripted", "--port", "0"]


@pytest.fixture
def host() -> Iterator[forked.Program]:
    """A scripted host, which listens."""
    program = forked.spawn(HOST, output=subprocess.PIPE, errors=subprocess.DEVNULL)
    assert isinstance(program, forked.Forked)
    assert program.stdout is not None
    with program.stdout as first:
        assert first.readline().startswith(b"http://")
    yield program
    program.kill()
    program.wait()


def test_no_module_that_is_imported_before_reads_a_setting() -> None:
    """A forked program would have the server's setting in place of its own."""
    # Those that are set are read by whoever copies the environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
    done = commands.run([sys.executable, "-c", READS], env=environment, cwd=forked.CHECKOUT, check=True)
    read = done.stdout.split()
    assert "KOMBU_LOG_DEBUG" in read  # they are watched
    assert [name for name in read if name.startswith(("LLAMAQ_", "OLLAMA_"))] == []


def test_it_is_a_child_with_a_group_of_its_own(host: forked.Program) -> None:
    """So its end is seen here, and a Ctrl-C of the tests does not reach it."""
    assert psutil.Process(host.pid).ppid() == os.getpid()
    assert os.getpgid(host.pid) == host.pid
    with pytest.raises(subprocess.TimeoutExpired):
        host.wait(0.01)
    host.kill()
    assert host.wait() == -signal.SIGKILL
    host.terminate()  # its id may be another's by now
    assert host.poll() == -signal.SIGKILL


@pytest.mark.parametrize("words", [["--version"], ["no-such-word"], ["generate", "m", "hello"]])
def test_it_ends_as_one_that_is_started(words: list[str]) -> None:
    """The same output, errors and exit code."""
    url = "redis://127.0.0.1:1/0"
    shell = Shell.piped(*words, LLAMAQ_REDIS_URL=url)
    ended = (shell.code(), shell.out.all(), shell.err.all())
    environment = {**os.environ, "LLAMAQ_REDIS_URL": url, "LC_ALL": "C.UTF-8"}
    done = commands.run([sys.executable, "-m", "llamaq", *words], env=environment, cwd=forked.CHECKOUT)
    assert ended == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "end", ["pass", "sys.exit(3)", "sys.exit(-1)", "sys.exit('a reason')", "1 / 0", "raise KeyboardInterrupt"]
)
def test_whatever_its_end_what_belongs_to_it_is_done(end: str, tmp_path: Path) -> None:
    """Threads are waited for, `atexit` is run, what is in buffers is written; the exit code is Python's."""
    (tmp_path / "ends.py").write_text(ENDS + end)
    out, err = tmp_path / "out", tmp_path / "err"
    with Path(os.devnull).open("rb") as nothing, out.open("wb") as first, err.open("wb") as second:
        files = forked.Files(nothing.fileno(), first.fileno(), second.fileno())
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        code = forked.fork("ends", [], files, environment=buffered, folder=tmp_path).wait(60)
    done = commands.run([sys.executable, "-m", "ends"], cwd=tmp_path)

    assert (code, out.read_text()) == (done.returncode, done.stdout)
    assert err.read_text().splitlines()[-1:] == done.stderr.splitlines()[-1:]


@pytest.mark.parametrize(
    ("command", "changed", "group"),
    [
        ([sys.executable, "-c", "pass"], {}, False),
        (["true"], {}, False),
        (HOST, {"OTEL_PROPAGATORS": "none"}, False),  # the server has imported its module with another value
        (HOST, {"PYTHONPATH": "elsewhere"}, False),
        (HOST, {}, True),
    ],
)
def test_what_cannot_be_forked_is_started(command: list[str], changed: dict[str, str], group: bool) -> None:
    """Other programs, variables that are read at an import, and groups."""
    nowhere = {"output": subprocess.DEVNULL, "errors": subprocess.DEVNULL}
    program = forked.spawn(command, **nowhere, environment={**os.environ, **changed}, group=group)
    assert isinstance(program, subprocess.Popen)
    with commands.kill_at_end(program):
        pass

"""What the programs say before they do anything: a wrong word, a wrong setting, Ctrl-C while they import."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.child import bind_command
from tests.commands import kill_at_end
from worker.__main__ import list_unused

ROOT = Path(__file__).resolve().parents[3]
# Stands in for a slow import: a module of the name is found first, tells that it is reached, and waits.
_SLOW = "import signal, sys; sys.stdout.write('importing'); sys.stdout.flush(); signal.pause()"


def _ran(*words: str, **environment: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "OLLAMA_"))}
    done = subprocess.run(
        bind_command([sys.executable, "-m", *words]),
        cwd=ROOT,
        env=clean | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("program", "slow"),
    [
        (["-m", "worker", "check"], "celery"),
        (["-m", "demo"], "rich"),
        (["-m", "llamaq.cli.checkout", "run.py"], "click"),
        (["-m", "llamaq"], "click"),
    ],
)
def test_ctrl_c_during_the_imports_is_quiet(tmp_path: Path, program: list[str], slow: str) -> None:
    """No traceback, and the code 130."""
    (tmp_path / f"{slow}.py").write_text(_SLOW)
    process = subprocess.Popen(
        bind_command([sys.executable, *program]),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with kill_at_end(process):
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(9) == b"importing"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b""


def test_a_worker_imports_no_command_line() -> None:
    """Neither Celery's, which brings Flower and a shell, nor ours: a third of its start. No conversations.

    And nothing that is imported only because it is installed.
    """
    run = [sys.executable, "-X", "importtime", "-m", "worker", "--no-such-option"]
    done = subprocess.run(bind_command(run), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "No such option '--no-such-option'" in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "celery.bin.worker" in imported
    of_producers = {"llamaq.client.blocking.conversation", "llamaq.client.blocking.queue"}
    assert imported.isdisjoint({"flower", "celery.bin.celery", "llamaq.cli.app"} | of_producers)
    # importtime tells also of a package that is not found.
    inner = {"rich.console", "pygments.lexer", "yaml.loader", "chardet.pipeline"}
    assert imported.isdisjoint(inner | {"opentelemetry.metrics._internal"})


def test_a_worker_that_makes_traces_imports_what_makes_them() -> None:
    """However the variable is spelt, as pydantic reads it."""
    assert "opentelemetry" in list_unused(["LLAMAQ_OTEL_CONTENT"])
    assert "opentelemetry" not in list_unused(["llamaq_otel"])


def test_what_is_imported_is_left_out_of_garbage_collection() -> None:
    """Nothing is collected meanwhile; afterwards the collector runs, and does not look at it."""
    program = """
import gc
from llamaq.importing import quick_imports
with quick_imports():
    import decimal
    assert not gc.isenabled()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
"""
    done = subprocess.run(
        bind_command([sys.executable, "-c", program]), cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_word_that_is_no_command_is_named() -> None:
    """With those that are; the code is 2."""
    code, said = _ran("worker", "chek")
    assert code == 2
    assert said.startswith("there is no command 'chek'; there are: check, alive, exporter\n")


def test_the_demo_names_a_wrong_setting_as_it_is_set() -> None:
    """On one line, and the code is 2."""
    code, said = _ran("demo", LLAMAQ_SLOTS="abc")
    assert code == 2
    assert said == "demo: LLAMAQ_SLOTS: must be a whole number from 1 to 1000, not 'abc'\n"


def test_the_demo_asks_the_users_redis_first() -> None:
    """One that does not answer ends it before anything else starts: one line, and the code is 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        code, said = _ran("demo", LLAMAQ_REDIS_URL=f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
    assert code == 1
    assert said.startswith("demo: Redis at 127.0.0.1:")
    assert len(said.splitlines()) == 1
    assert "LLAMAQ_REDIS_URL" in said

"""Standard streams that are closed or cannot be written: the exit code stays, and there is no traceback."""

import json
import os
import subprocess
import sys

import pytest

from embedded.child import bind_command
from tests.commands import run
from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import FakeWorker
from tests.unit.cli.shell import ROOT


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("models >&-", 0, ""),
        ("models >&- 2>&-", 0, ""),
        ("generate nobody-has-it hello 2>&-", 5, ""),
        ("generate nobody-has-it hello 2>/dev/full", 5, ""),
        ("no-such-command 2>/dev/full", 2, ""),
        ("generate m - <&-", 2, "prompt: String should have at least 1 character"),
        ("--help >/dev/full", 1, "Error: [Errno 28] No space left on device"),
        ("models --help >/dev/full", 1, "Error: [Errno 28] No space left on device"),
        ("--version >/dev/full 2>/dev/full", 1, ""),
    ],
)
def test_a_stream_that_leads_nowhere(fake_worker: FakeWorker, words: str, code: int, said: str) -> None:
    """As cron, daemons and a full disk have them. Closed ones are as /dev/null."""
    ended = run(["sh", "-c", f"{sys.executable} -m llamaq {words}"], env=_environ(fake_worker))

    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert said in ended.stderr
    assert ended.stdout == ""


def test_a_stderr_that_nobody_reads_loses_no_answer(fake_worker: FakeWorker) -> None:
    """A note on stderr fails, here that on an unknown variable: what comes on stdout behind it is written even so."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        bind_command([sys.executable, "-m", "llamaq", "models"]),
        stdout=subprocess.PIPE,
        stderr=writer,
        text=True,
        check=False,
        env=_environ(fake_worker) | {"LLAMAQ_NOBODY_READS": "1"},
    )
    os.close(writer)

    assert ended.returncode == 0
    assert "m:latest" in ended.stdout


def test_a_batch_of_pipes(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """As of a shell's `<(...)` and `>(...)`: what can be read once is, and its results are written."""
    lines = [{"custom_id": name, "kind": "generate", "request": {"model": "m", "prompt": name}} for name in "ab"]
    given = "".join(f"{json.dumps(line)}\n" for line in lines).encode()

    shell = llamaq("batch", "/dev/stdin", "/dev/stdout", stdin=given)
    for _ in lines:
        fake_worker.take().complete(text="done")

    assert shell.code() == 0, shell.err.all()
    assert {json.loads(line)["custom_id"] for line in shell.out.all().splitlines()} == {"a", "b"}
    assert shell.err.all() == "2 of 2 completed\n"


def _environ(fake_worker: FakeWorker) -> dict[str, str]:
    given = {"PYTHONPATH": str(ROOT), "LLAMAQ_REDIS_URL": fake_worker.url, "LLAMAQ_PREFIX": fake_worker.prefix}
    return {**os.environ, **given}

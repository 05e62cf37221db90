"""Leaving a job and coming back: nothing is lost, nothing comes twice, and the job never notices."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from embedded.child import bind_command
from tests.service import wait_until
from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import WAIT_SECONDS, FakeWorker
from tests.unit.cli.shell import Shell

AGAIN = re.compile(r"detached; the job goes on\. Follow it again: llamaq follow (\S+) --after (\d+-\d+)")


def left(shell: Shell) -> tuple[str, str]:
    """What it says after Ctrl-C: the job and the cursor."""
    assert shell.code() == 130
    match = AGAIN.search(shell.err.all())
    assert match, shell.err.all()
    return match[1], match[2]


def test_ctrl_c_detaches_and_follow_continues_exactly(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """The job goes on after Ctrl-C, and the parts before and behind the cursor join to the whole answer."""
    first = llamaq("generate", "m", "count")
    attempt = fake_worker.take()
    attempt.say("one ")
    first.out.until("one ")
    first.interrupt()
    job_id, cursor = left(first)
    assert job_id == attempt.job_id
    assert fake_worker.queue.job(job_id).status().state == "running"
    attempt.say("two ")
    second = llamaq("follow", job_id, "--after", cursor)
    second.out.until("two ")
    attempt.say("three")
    attempt.complete(text="one two three")
    assert second.code() == 0
    assert first.out.all() == "one \n"
    assert second.out.all() == "two three\n"


def test_impatience_changes_nothing(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Ctrl-C again and again until it ends: still 130, and the way back is told whole, once."""
    shell = llamaq("generate", "m", "count")
    fake_worker.take().say("one ")
    shell.out.until("one ")
    while shell.running():
        shell.interrupt()
    left(shell)
    assert shell.err.all().count("detached") == 1
    assert "Traceback" not in shell.err.all()


def test_sigterm_leaves_the_job_alone(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """SIGTERM ends the command with 143, quietly; the job goes on."""
    shell = llamaq("generate", "m", "count")
    attempt = fake_worker.take()
    attempt.say("one ")
    shell.out.until("one ")
    shell.terminate()
    assert shell.code() == 143
    assert (shell.out.all(), shell.err.all()) == ("one \n", "")
    assert fake_worker.queue.job(attempt.job_id).status().state == "running"


def test_interrupted_while_text_pours(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Wherever in a busy stream Ctrl-C strikes, the cursor it names is that of the last event that was printed."""
    shell = llamaq("generate", "m", "count", "--json")
    attempt = fake_worker.take()
    attempt.say(*(f"{number} " for number in range(50)))
    shell.out.until('"49 "')
    shell.interrupt()
    for number in range(50, 5000):
        if not shell.running():
            break
        attempt.say(f"{number} ")
    _, cursor = left(shell)
    assert [json.loads(line)["cursor"] for line in shell.out.all().splitlines()][-1] == cursor


def test_follow_replays_and_goes_on(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A late reader gets everything from the start; several readers get the same."""
    job = fake_worker.queue.generate("m", "x")
    attempt = fake_worker.take()
    attempt.say("a", "b")
    shells = [llamaq("follow", job.id) for _ in range(2)]
    for shell in shells:
        shell.out.until("ab")
    attempt.say("c")
    attempt.complete(text="abc")
    assert [(shell.code(), shell.out.all()) for shell in shells] == [(0, "abc\n")] * 2


def test_a_restart_starts_the_text_anew(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A new attempt voids what was shown: stderr says so, and its text begins on a line of its own."""
    shell = llamaq("generate", "m", "x")
    attempt = fake_worker.take()
    attempt.say("lost words")
    shell.out.until("lost words")
    again = attempt.give_back("ollama_unavailable", "h1 closed the connection")
    again.say("kept")
    again.complete(text="kept")
    assert shell.code() == 0
    assert shell.out.all() == "lost words\nkept\n"
    retried, anew = shell.err.all().splitlines()
    assert retried == "attempt 1 failed: ollama_unavailable: h1 closed the connection; trying again"
    assert anew == "--- attempt 2 began: the text so far is void, and the answer starts anew ---"


def test_a_drained_attempt_did_not_fail(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A worker that stopped in order is no failure."""
    shell = llamaq("generate", "m", "x")
    again = fake_worker.take().give_back("internal", "the worker is stopping", reason="drained")
    again.complete(text="kept")
    assert shell.code() == 0
    assert "attempt 1 drained: the worker is stopping; trying again" in shell.err.all().splitlines()


def test_a_file_holds_the_final_attempt_alone(fake_worker: FakeWorker, tmp_path: Path) -> None:
    """`llamaq generate > file`: what was written is removed, and what stood there before stays."""
    answer = tmp_path / "answer.txt"
    command = [sys.executable, "-m", "llamaq", "generate", "m", "x"]
    environ = {**os.environ, "LLAMAQ_REDIS_URL": fake_worker.url, "LLAMAQ_PREFIX": fake_worker.prefix}
    with answer.open("w") as file:
        file.write("Before.\n")
        file.flush()
        process = subprocess.Popen(bind_command(command), stdout=file, env=environ)
        attempt = fake_worker.take()
        attempt.say("bro", "ken, and longer than the answer")
        wait_until(lambda: "broken" in answer.read_text())
        attempt = attempt.give_back("ollama_unavailable", "gone")
        attempt.say("whole")
        attempt.complete(text="whole")
        assert process.wait(WAIT_SECONDS) == 0

    assert answer.read_text() == "Before.\nwhole\n"


def test_a_retry_before_any_text_voids_nothing(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Where nothing was shown, nothing is said to be void."""
    shell = llamaq("generate", "m", "x")
    again = fake_worker.take().give_back("ollama_unavailable", "h1 is away")
    again.say("kept")
    again.complete(text="kept")
    assert shell.code() == 0
    assert shell.out.all() == "kept\n"
    assert "void" not in shell.err.all()


def test_the_same_idempotency_key_attaches(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Asking again with the same key follows the job that is there already."""
    job = fake_worker.queue.generate("m", "x", idempotency_key="k")
    attempt = fake_worker.take()
    attempt.say("once")
    attempt.complete(text="once")
    shell = llamaq("generate", "m", "x", "--idempotency-key", "k")
    assert (shell.code(), shell.out.all()) == (0, "once\n")
    assert [each.id for each in fake_worker.queue.jobs()] == [job.id]


def test_follow_from_the_very_end(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Behind the last event there is nothing to print, but how the job ended is still the exit code."""
    well, badly = fake_worker.queue.generate("m", "x"), fake_worker.queue.generate("m", "x")
    fake_worker.take().complete(text="x")
    fake_worker.take().fail("internal", "boom")
    for job, code in ((well, 0), (badly, 1)):
        shell = llamaq("follow", job.id, "--after", fake_worker.log(job.id)[-1][0])
        assert (shell.code(), shell.out.all()) == (code, "")

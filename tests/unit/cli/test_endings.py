"""Every way to end has its exit code, and says on stderr what happened, where, and what to do."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.child import bind_command
from tests.commands import kill_at_end
from tests.unit.cli.conftest import Here, Llamaq
from tests.unit.cli.fake_worker import MODEL, FakeWorker
from tests.unit.cli.shell import ROOT


def test_failed(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A failed job: code 1, its error's code and message, and no traceback."""
    shell = llamaq("generate", "m", "hello")
    attempt = fake_worker.take()
    attempt.say("half an ans")
    attempt.fail("timed_out", "no token for 60 s from h1; raise --stall-after", clock="stall_after", retryable=True)
    assert shell.code() == 1
    assert shell.out.all() == "half an ans\n"
    assert shell.err.all().splitlines() == [
        f"job {attempt.job_id} failed: timed_out (clock: stall_after): no token for 60 s from h1; raise --stall-after",
        "  the same request may well succeed later",
    ]


def test_in_a_pipe_it_is_said_why_a_job_waits(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Once, after two seconds, on stderr: a script's log shows what is missing."""
    for _ in range(9):  # all slots
        fake_worker.queue.generate("m", "x")
    shell = llamaq("generate", "m", "x")

    shell.err.until("waiting: A host loads a model.")  # the nine have no token yet
    shell.interrupt()

    assert shell.code() == 130
    assert shell.err.all().count("waiting:") == 1


def test_invalid_output_names_what_is_wrong(fake_worker: FakeWorker, llamaq: Llamaq, tmp_path: Path) -> None:
    """An extraction that stayed invalid shows the validation errors, and nothing on stdout."""
    (tmp_path / "s.json").write_text('{"type": "object"}')
    shell = llamaq("extract", "m", "x", "--schema", str(tmp_path / "s.json"))
    attempt = fake_worker.take()
    attempt.say("[1]")
    attempt.fail("invalid_output", "3 answers were not valid", text="[1]", errors=["$: [1] is not of type 'object'"])
    assert shell.code() == 1
    assert shell.out.all() == ""
    assert "$: [1] is not of type 'object'" in shell.err.all()


def test_cancelled(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A job that somebody cancels: code 3 and the reason; `cancel` says so with 0."""
    shell = llamaq("generate", "m", "hello")
    job_id = fake_worker.take().job_id
    cancel = llamaq("cancel", job_id, "--reason", "enough")
    assert cancel.code() == 0
    assert cancel.out.all() == f"{job_id} cancelled\n"
    assert shell.code() == 3
    assert shell.err.all() == f"job {job_id} was cancelled: enough\n"


def test_cancel_all_that_a_filter_lets_through(fake_worker: FakeWorker, here: Here) -> None:
    """After a count and a question, whose refusal gives 1; jobs that have ended and those of others stay."""
    ask = fake_worker.queue.generate
    ended = ask("m", "x", tenant="shop")
    fake_worker.take().complete(text="done")
    running, waits, other = (
        ask("m", "x", tenant="shop"),
        ask("absent", "x", tenant="shop", wait_for_model=True),
        ask("m", "x"),
    )
    refused = here("cancel", "--all", "--tenant", "shop", stdin="n\n")
    assert refused.code == 1
    assert "cancel 2 jobs? [y/N]" in refused.err
    agreed = here("cancel", "--all", "--tenant", "shop", "--reason", "enough", stdin="y\n")
    assert agreed.code == 0
    assert agreed.out == f"{waits.id} cancelled\n{running.id} cancelled\n"
    assert [job.status().state for job in (ended, running, waits, other)] == [
        *("completed", "cancelled", "cancelled", "queued"),
    ]
    assert running.status().reason == "enough"
    last = here("cancel", "--all", "--yes")
    assert last.code == 0
    assert last.out == f"{other.id} cancelled\n"
    assert here("cancel", "--all", "--yes").code == 0


@pytest.mark.parametrize(
    "words", [(), ("id", "--all"), ("id", "--tenant", "t"), ("--tenant", "t"), ("--all", "--state", "failed")]
)
def test_cancel_without_a_clear_choice_is_wrong_usage(here: Here, words: tuple[str, ...]) -> None:
    """Ids, or --all with what chooses among the jobs that have not ended."""
    assert here("cancel", *words).code == 2


def test_deleted(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Whoever follows it is told that it was cancelled, and why; a job that is not there gives 6, behind the others."""
    shell = llamaq("generate", "m", "hello")
    job_id = fake_worker.take().job_id
    delete = llamaq("delete", "nope", job_id)
    assert delete.code() == 6
    assert delete.out.all() == f"{job_id} deleted\n"
    assert "no job nope" in delete.err.all()
    assert shell.code() == 3
    assert shell.err.all() == f"job {job_id} was cancelled: deleted at the command line\n"


def test_expired(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A job that was not started in time: code 4."""
    job = fake_worker.queue.generate("absent", "hello", start_within=0.001, wait_for_model=True)
    follower = llamaq("follow", job.id)
    while not job.status().ended:
        fake_worker.store.reap()
    assert follower.code() == 4
    assert f"job {job.id} expired: " in follower.err.all()


def test_result_waits_no_longer_than_told(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`result --timeout`: code 124, and the job goes on; after its end, the answer alone."""
    job = fake_worker.queue.generate("m", "hello")
    attempt = fake_worker.take()
    attempt.say("draft")
    early = llamaq("result", job.id, "--timeout", "0.2")
    assert early.code() == 124
    assert early.out.all() == ""
    assert "it goes on" in early.err.all()
    attempt.complete(text="draft")
    late = llamaq("result", job.id)
    assert late.code() == 0
    assert late.out.all() == "draft\n"


def test_result_of_an_unknown_job(here: Here) -> None:
    """Code 6 with `--timeout` too: it is not a job that goes on."""
    early = here("result", "nope", "--timeout", "0.2")
    assert early.code == 6
    assert "no job nope" in early.err


def test_no_redis(llamaq: Llamaq) -> None:
    """Nobody listens: code 5, the address, and where it is set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused, and nobody else gets the port
        port = taken.getsockname()[1]
        shell = llamaq("generate", "m", "x", LLAMAQ_REDIS_URL=f"redis://:secret@127.0.0.1:{port}/0")
        assert shell.code() == 5
        said = shell.err.all()
    assert f"Error: Redis at 127.0.0.1:{port}" in said
    assert "LLAMAQ_REDIS_URL" in said
    assert "secret" not in said
    assert "Traceback" not in said


def test_queue_full(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Too many jobs wait: code 5, and when to try again."""
    for _ in range(10):
        fake_worker.queue.generate("m", "x")
    shell = llamaq("generate", "m", "x", LLAMAQ_MAX_QUEUED="1")
    assert shell.code() == 5
    assert "too many jobs wait for m:latest (LLAMAQ_MAX_QUEUED)" in shell.err.all()


def test_unknown_model(llamaq: Llamaq) -> None:
    """A model that no host has: code 5, and the one that was meant."""
    shell = llamaq("generate", "m:latst", "x")
    assert shell.code() == 5
    assert f"did you mean {MODEL}?" in shell.err.all()


def test_what_is_to_be_copied_starts_here_too(fake_worker: FakeWorker) -> None:
    """Started by run.py, there may be no `llamaq` on PATH: what is printed begins with what was typed."""
    where = {"LLAMAQ_REDIS_URL": fake_worker.url, "LLAMAQ_PREFIX": fake_worker.prefix}
    process = subprocess.Popen(
        bind_command([sys.executable, "-m", "llamaq.cli.checkout", "run.py", "generate", "m", "hello"]),
        cwd=ROOT,
        env=os.environ | where,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with kill_at_end(process):
        attempt = fake_worker.take()
        attempt.say("first")
        assert process.stdout is not None
        assert process.stdout.read(5) == b"first"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"Follow it again: python3 run.py llamaq follow {attempt.job_id} --after" in said.decode()


def test_unloading_an_unknown_model(llamaq: Llamaq) -> None:
    """Code 5 as well, and no word of pulling it or waiting for it."""
    shell = llamaq("unload", "absent")
    assert shell.code() == 5
    said = shell.err.all()
    assert "no host offers the model 'absent:latest'" in said
    assert "pull" not in said
    assert "--wait-for-model" not in said


@pytest.mark.parametrize("verb", ["follow", "result", "status", "cancel"])
@pytest.mark.usefixtures("hasty")
def test_no_such_job(here: Here, verb: str) -> None:
    """An id that nobody knows: code 6, and the id."""
    ran = here(verb, "nope")
    assert (ran.code, ran.out) == (6, "")
    assert "no job nope" in ran.err


def test_cancel_too_late(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A job that has ended stays as it is: code 1; the others are cancelled all the same."""
    ended, alive = fake_worker.queue.generate("m", "x"), fake_worker.queue.generate("m", "x")
    fake_worker.take().complete(text="done")
    shell = llamaq("cancel", ended.id, alive.id)
    assert shell.code() == 1
    assert shell.err.all() == f"job {ended.id} had ended already: completed\n"
    assert alive.status().state == "cancelled"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("generate", "m", "x", "--option", "num_ctx=big"), "options.num_ctx: Input should be a valid integer"),
        (("generate", "m", "x", "--option", "temprature=1"), "did you mean temperature?"),
        (("generate", "m", "x", "--option", "num_ctx"), "'num_ctx' is not of the form name=value"),
        (("generate", "m", ""), "prompt: String should have at least 1 character"),
        (("generate", "m", "x", "--deadline", "0"), "deadline: Input should be greater than 0"),
        (("generate", "m", "x", "--tenant", "a:b"), "tenant: "),
        (("generate", "m"), "Missing argument 'PROMPT'"),
        (("extract", "m", "x"), "Missing option '--schema'"),
        (("extract", "m", "x", "--schema", "absent.json"), "cannot read absent.json: No such file or directory"),
        (("extract", "m", "x", "--schema", "README.tar"), "cannot read README.tar"),
        (("extract", "m", "x", "--schema", "no.such:Class"), "cannot import no.such: ModuleNotFoundError"),
        (("extract", "m", "x", "--schema", "json:Nothing"), "json has no class 'Nothing'"),
        (("extract", "m", "x", "--schema", "pyproject.toml"), "pyproject.toml is not JSON"),
        (("describe", "m", "absent.jpg", "What is it?"), "no image 'absent.jpg': there is no such file"),
        (("describe", "absent.jpg", "What is it?"), "no image 'absent.jpg': there is no such file"),
        (("describe", "m", "pyproject.toml", "absent.jpg"), "no image 'absent.jpg': there is no such file"),
        (("describe", "m", "What is it?"), "no image given"),
        (("describe", "m", "pyproject.toml", "What?"), "images.0: pyproject.toml: not an image in one of the formats"),
        (("chat", "m", "x", "--system", "a", "--conversation", "b"), "exclude each other"),
        (("follow", "x", "--after", "yesterday"), "'yesterday' is no cursor"),
        (("models", "--watch"), "--watch needs a terminal"),
        (("models", "--redis-url", "ftp://nowhere"), "--redis-url"),
        (("generate", "m", "-"), "stdin is not UTF-8 text"),
    ],
)
def test_usage(llamaq: Llamaq, words: tuple[str, ...], said: str) -> None:
    """What cannot work is refused with code 2 and the argument or field that is wrong."""
    shell = llamaq(*words, stdin=b"\xff")
    assert shell.code() == 2, shell.err.all()
    assert said in shell.err.all()
    assert "Traceback" not in shell.err.all()
    assert shell.out.all() == ""


def test_a_closed_pipe_ends_quietly(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """When the reader of stdout has gone (`| head`), there is no traceback; the job goes on."""
    shell = llamaq("generate", "m", "hello")
    attempt = fake_worker.take()
    attempt.say("first\n")
    shell.out.until("first")
    shell.out.close()
    while shell.running():
        attempt.say("more\n")
    assert shell.code() == 141
    assert shell.err.all() == ""
    assert fake_worker.queue.job(attempt.job_id).status().state == "running"


def test_a_stdout_that_cannot_be_written(fake_worker: FakeWorker) -> None:
    """A full disk below stdout, or as here a file that is not open for writing: code 1 and the reason, no traceback."""
    with Path(os.devnull).open("rb") as not_writable:
        ended = subprocess.run(
            bind_command(
                [
                    sys.executable,
                    "-m",
                    "llamaq",
                    "models",
                    "--redis-url",
                    fake_worker.url,
                    "--prefix",
                    fake_worker.prefix,
                ]
            ),
            stdout=not_writable,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    assert (ended.returncode, ended.stderr) == (1, "Error: [Errno 9] Bad file descriptor\n")

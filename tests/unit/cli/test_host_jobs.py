"""`llamaq pull`, `unload` and `load`, and what may not go in, on the command line."""

from pathlib import Path

import PIL.Image
import pytest

from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import HOST, FakeWorker

LONG = "v" * 100_000


def test_pull_says_what_is_there_now(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """One line on stdout."""
    shell = llamaq("pull", "Qwen3")
    attempt = fake_worker.take()
    assert attempt.job.kind == "pull"
    attempt.event("progress", stage="pulling", status="pulling manifest")
    attempt.complete(pulled="qwen3:latest", size=5_200_000_000)

    assert (shell.code(), shell.out.all()) == (0, f"pulled qwen3:latest on {HOST}, 5.2 GB\n")


def test_a_terminal_shows_how_far_the_pull_is(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """In per cent of the bytes that are known."""
    shell = terminal("pull", "qwen3")
    attempt = fake_worker.take()
    attempt.event("progress", stage="pulling", status="pulling 1a", completed=1_300_000_000, total=5_200_000_000)
    shell.out.until("pulling 1a: 25 % of 5.2 GB")
    attempt.complete(pulled="qwen3:latest")

    assert shell.code() == 0


def test_a_pull_that_is_not_allowed_fails(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """With the worker's words, and code 1."""
    shell = llamaq("pull", "evil/miner")
    fake_worker.take().fail("invalid_request", "model: evil/miner:latest may not be pulled here: LLAMAQ_PULL_ALLOWED")

    assert shell.code() == 1
    assert "invalid_request: model: evil/miner:latest may not be pulled here" in shell.err.all()


def test_load_says_where_the_model_is(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """With its options, on the host that is named; an option that Ollama does not have is wrong usage."""
    shell = llamaq("load", "m", "--host", HOST, "--keep-alive", "1h", "--option", "num_ctx=4096")
    attempt = fake_worker.take()
    assert (attempt.job.kind, attempt.job.request.keep_alive, attempt.job.request.options.num_ctx) == (
        "load",
        "1h",
        4096,
    )
    attempt.complete(loaded="m:latest")

    assert (shell.code(), shell.out.all()) == (0, f"loaded m:latest on {HOST}\n")
    assert llamaq("load", "m", "--option", "num_ctxx=1").code() == 2


def test_detached_a_host_job_prints_its_id(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """It goes on by itself; `status` shows the model's name."""
    shell = llamaq("pull", "qwen3", "--host", HOST, "--detach")

    assert shell.code() == 0
    job = fake_worker.queue.job(shell.out.all().strip())
    assert (job.status().kind, job.status().model) == ("pull", "qwen3:latest")
    listed = llamaq("jobs")
    assert listed.code() == 0
    assert "qwen3:latest" in listed.out.all()


def test_unload_asks_every_host_that_has_the_model(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Here it is one; with a failure there, the code is the job's."""
    shell = llamaq("unload", "m")
    fake_worker.take().complete(unloaded="m:latest")
    assert (shell.code(), shell.out.all()) == (0, f"unloaded m:latest on {HOST}\n")

    shell = llamaq("unload", "m", "--host", HOST)
    fake_worker.take().fail("ollama_unavailable", "connection refused", retryable=True)
    assert shell.code() == 1
    assert "ollama_unavailable: connection refused" in shell.err.all()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("unload", "absent"), 5, "no host offers the model 'absent:latest'"),
        (("pull", "m", "--host", "nowhere"), 2, "host: no worker speaks for a host 'nowhere'"),
        (("unload", "m", "--host", "nowhere"), 2, "host: no worker speaks for a host 'nowhere'"),
        (("pull", " "), 2, "model: a model needs a name"),
        (("generate", "m", "a\x1b[2Jb"), 2, "prompt: the control character U+001B at character 2"),
        (("generate", "m", "x", "--system", "a\x7f"), 2, "system: the control character U+007F"),
        (("generate", "m", "x", "--metadata", f"k={LONG}", "--metadata", f"l={LONG}"), 2, "metadata.l: "),
        (("describe", "m", "notes.png"), 2, "images.0: notes.png: not an image in one of the formats PNG"),
        (("describe", "m", "cut.png"), 2, "images.0: cut.png: a damaged image: it is cut"),
        (("describe", "m", "good.png", "--max-edge", "0"), 2, "max_edge: Input should be greater than or equal to 1"),
        (("describe", "m", "http://127.0.0.1:9/a.png"), 2, "no image 'http://127.0.0.1:9/a.png'"),
    ],
)  # fmt: skip
def test_what_cannot_go_in_is_refused(
    llamaq: Llamaq, words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    """Before anything is queued, with the field, the limit and the size or place."""
    PIL.Image.new("RGB", (32, 32)).save(tmp_path / "good.png")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "notes.png").write_text("Buy milk")
    (tmp_path / "cut.png").write_bytes(data[:-20])

    shell = llamaq(*words, cwd=tmp_path)

    assert shell.code() == code, shell.err.all()
    assert said in shell.err.all()
    assert shell.out.all() == ""


def test_control_characters_are_removed_by_setting(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """The command line reads it from its environment, as every backend does."""
    shell = llamaq("generate", "m", "a\x1bb", "--detach", LLAMAQ_CONTROL_CHARACTERS="remove")

    assert shell.code() == 0, shell.err.all()
    assert fake_worker.request(shell.out.all().strip())["prompt"] == "ab"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("invalid_request", "raw: a worker takes it with LLAMAQ_ALLOW_RAW=1"),
        ("invalid_request", "the image sha256:00 is no longer stored: send its bytes again"),
    ],
)
def test_what_a_worker_refuses_is_said(fake_worker: FakeWorker, llamaq: Llamaq, code: str, message: str) -> None:
    """A job that was queued and may not run ends with the worker's reason."""
    shell = llamaq("generate", "m", "x")
    fake_worker.take().fail(code, message)

    assert shell.code() == 1
    assert f"{code}: {message}" in shell.err.all()


def test_what_was_filtered_is_said_on_a_terminal(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """In the line of figures."""
    shell = terminal("generate", "m", "x")
    fake_worker.take().complete(text="ok", filtered={"prompt": 3, "system": 4})

    assert shell.code() == 0
    assert "7 characters filtered out" in shell.out.all()

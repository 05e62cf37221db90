"""`llamaq describe` over many images: a job for each, progress, and an exit code that sums up."""

import json
from pathlib import Path

import PIL.Image
import pytest

from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import FakeWorker

SEEING = pytest.mark.parametrize("fake_worker", [{"capabilities": ["completion", "vision"]}], indirect=True)
NAMES = ("a.png", "b.png", "c.png")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with three pictures, and two that are refused."""
    for index, name in enumerate(NAMES):
        PIL.Image.new("RGB", (32 + index, 32), "red").save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:-20])
    PIL.Image.new("RGB", (64, 2), "red").save(tmp_path / "thin.png")
    return tmp_path


def _answer(fake_worker: FakeWorker, text: str) -> None:
    attempt = fake_worker.take()
    attempt.say(text)
    attempt.complete(text=text)


def test_each_image_is_asked_about_and_answered_under_its_name(
    fake_worker: FakeWorker, llamaq: Llamaq, album: Path
) -> None:
    """In the order given, whichever ends first; one job for each, with one image."""
    shell = llamaq("describe", "m", *NAMES, "What is it?", cwd=album)
    attempts = [fake_worker.take() for _ in NAMES]
    requests = [fake_worker.request(attempt.job_id) for attempt in attempts]

    for attempt in reversed(attempts):
        attempt.complete(text=f"seen {fake_worker.request(attempt.job_id)['images'][0][-8:]}")

    assert shell.code() == 0
    assert {(request["prompt"], len(request["images"])) for request in requests} == {("What is it?", 1)}
    lines = [line for line in shell.out.all().splitlines() if line]
    assert lines[::2] == [f"{name}:" for name in NAMES]
    assert len(set(lines[1::2])) == 3
    assert "3 of 3 completed" in shell.err.all()


def test_an_image_that_is_refused_and_one_that_fails_do_not_stop_the_others(
    fake_worker: FakeWorker, llamaq: Llamaq, album: Path
) -> None:
    """Each is said with its name and the reason, and the exit code sums up."""
    shell = llamaq("describe", "m", "broken.png", "a.png", "thin.png", "b.png", cwd=album)
    fake_worker.take().fail("timed_out", "no first token")
    fake_worker.take().complete(text="A square")

    assert shell.code() == 1
    said = shell.err.all()
    assert "broken.png: invalid_request: images.0: broken.png: a damaged image: it is cut" in said
    assert "thin.png: invalid_request: images.0: thin.png: 64 x 2 pixels: an edge below 28 pixels" in said
    assert "timed_out: no first token" in said
    assert "1 of 4 completed, 3 failed" in said
    assert "A square" in shell.out.all()


def test_json_has_one_object_for_each(fake_worker: FakeWorker, llamaq: Llamaq, album: Path) -> None:
    """With its name, its job, and the result or the error."""
    shell = llamaq("describe", "m", "a.png", "broken.png", "--json", cwd=album)
    _answer(fake_worker, "A square")

    assert shell.code() == 1
    first, second = (json.loads(line) for line in shell.out.all().splitlines())
    assert (first["custom_id"], first["result"]["text"]) == ("a.png", "A square")
    assert (second["custom_id"], second["job_id"], second["error"]["code"]) == ("broken.png", None, "invalid_request")


def test_a_terminal_shows_how_far_it_is(fake_worker: FakeWorker, terminal: Llamaq, album: Path) -> None:
    """Done, of all; and it is gone when everything is."""
    # One at a time: what is told in order counts in order, and of several jobs any may be begun first.
    shell = terminal("describe", "m", *(str(album / name) for name in NAMES), "--in-flight", "1")
    shell.out.until("0/3")
    for number in range(1, 4):
        _answer(fake_worker, "A square")
        if number < 3:
            shell.out.until(f"{number}/3")

    assert shell.code() == 0
    assert shell.out.all().rstrip().endswith("3 of 3 completed")


def test_detached_it_prints_a_job_for_each(fake_worker: FakeWorker, llamaq: Llamaq, album: Path) -> None:
    """And does not wait; what was refused is said, and counts."""
    shell = llamaq("describe", "m", "a.png", "broken.png", "b.png", "--detach", "--idempotency-key", "k", cwd=album)

    assert shell.code() == 1
    ids = shell.out.all().split()
    assert [fake_worker.request(job_id)["idempotency_key"] for job_id in ids] == ["k:a.png", "k:b.png"]
    assert "broken.png: images.0: broken.png: a damaged image" in shell.err.all()


def test_ctrl_c_leaves_the_jobs_alone(fake_worker: FakeWorker, llamaq: Llamaq, album: Path) -> None:
    """Those on their way go on, and it is said how many were done."""
    shell = llamaq("describe", "m", *NAMES, cwd=album)
    attempt = fake_worker.take()

    shell.interrupt()

    assert shell.code() == 130
    assert "detached after 0 of 3" in shell.err.all()
    assert fake_worker.queue.job(attempt.job_id).status().state == "running"


def test_together_they_are_one_request(fake_worker: FakeWorker, llamaq: Llamaq, album: Path) -> None:
    """To be compared: all images in one job, scaled where that was asked for."""
    shell = llamaq("describe", "m", *NAMES, "What has changed?", "--together", "--max-edge", "32", cwd=album)
    attempt = fake_worker.take()
    request = fake_worker.request(attempt.job_id)
    attempt.say("The width")
    attempt.complete(text="The width")

    assert (len(request["images"]), request["max_edge"]) == (3, 32)
    assert (shell.code(), shell.out.all()) == (0, "The width\n")


@SEEING
def test_the_only_model_that_sees_needs_no_name(fake_worker: FakeWorker, llamaq: Llamaq, album: Path) -> None:
    """`llamaq describe *.jpg`, on a fleet where there is no choice."""
    shell = llamaq("describe", "a.png", "b.png", cwd=album)
    _answer(fake_worker, "One")
    _answer(fake_worker, "Two")

    assert shell.code() == 0, shell.err.all()
    assert "a.png:" in shell.out.all()


def test_without_a_model_that_sees_one_must_be_named(llamaq: Llamaq, album: Path) -> None:
    """The message says what there is."""
    shell = llamaq("describe", "a.png", cwd=album)

    assert shell.code() == 2
    assert "name the MODEL before the images" in shell.err.all()

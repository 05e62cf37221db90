"""replay, and the messages that were set aside."""

import json

import pytest

from llamaq.store.worker.outcome import Error
from tests.unit.cli.conftest import Here, Llamaq
from tests.unit.cli.fake_worker import FakeWorker


def _set_aside(fake_worker: FakeWorker, request: str, job_id: str = "j-1") -> str:
    fake_worker.store.refuse(job_id, "generate", "inbox", request, Error("invalid_request", "promt: not known"))
    return fake_worker.queue.dead()[0].id


def test_replay_enqueues_the_request_again(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`replay` makes a new job of a kept one's request, with the fields that `--set` changes; the old one stays."""
    first = fake_worker.queue.generate("m", "x", idempotency_key="once", options={"seed": 1})
    fake_worker.take().fail("ollama_error", "boom", retryable=True)
    shell = llamaq("replay", first.id, "--detach", "--set", "prompt=why?", "--set", 'options={"seed": 2}')
    assert shell.code() == 0
    again = shell.out.all().strip()
    assert again != first.id
    assert fake_worker.request(again) == {"model": "m:latest", "prompt": "why?", "options": {"seed": 2}}
    assert first.status().state == "failed"


def test_replay_changes_a_field_within_another(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A dotted name goes into a field; the rest of it stays, and null takes it out."""
    first = fake_worker.queue.generate("m", "x", options={"seed": 1, "top_k": 5})
    changes = ("--set", "options.num_predict=4", "--set", "options.seed=2", "--set", "options.top_k=null")
    shell = llamaq("replay", first.id, "--detach", *changes)
    assert shell.code() == 0
    assert fake_worker.request(shell.out.all().strip())["options"] == {"seed": 2, "num_predict": 4}
    wrong = llamaq("replay", first.id, "--set", "options.num_predikt=4")
    assert wrong.code() == 2
    assert "options.num_predikt" in wrong.err.all()
    deeper = llamaq("replay", first.id, "--set", "prompt.x=4")
    assert deeper.code() == 2
    assert "prompt.x" in deeper.err.all()


def test_replay_refuses_what_is_wrong(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A change that makes the request invalid names its field; an unknown job is not found."""
    first = fake_worker.queue.generate("m", "x")
    wrong, unknown = llamaq("replay", first.id, "--set", "deadline=soon"), llamaq("replay", "nope")
    assert wrong.code() == 2
    assert "deadline" in wrong.err.all()
    assert unknown.code() == 6


@pytest.mark.parametrize("field", ["job_id", "self", "letter"])
def test_a_change_cannot_be_another_argument_of_the_verb(fake_worker: FakeWorker, here: Here, field: str) -> None:
    """No request has such a field, whether a job or a dead letter is put back."""
    first, letter = fake_worker.queue.generate("m", "x"), _set_aside(fake_worker, '{"model": "m"}')
    for words in (("replay", first.id), ("dead", "--put-back", letter)):
        ran = here(*words, "--set", f"{field}=x")
        assert (ran.code, field in ran.err) == (2, True)


def test_jobs_that_were_given_up(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`jobs --dead` lists what failed though another try might help, and nothing else."""
    gone, wrong = fake_worker.queue.generate("m", "x"), fake_worker.queue.generate("m", "x")
    fake_worker.take().fail("ollama_unavailable", "nobody there", retryable=True)
    fake_worker.take().fail("invalid_request", "never", retryable=False)
    shell = llamaq("jobs", "--dead", "--json")
    assert shell.code() == 0
    assert [json.loads(line)["id"] for line in shell.out.all().splitlines()] == [gone.id]
    assert wrong.status().state == "failed"


def test_dead_letters_are_listed_put_back_and_discarded(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`dead` shows the reason, puts a mended message back as a new job, and deletes another."""
    mended = _set_aside(fake_worker, '{"model": "m", "promt": "x"}')
    listed = llamaq("dead")
    assert listed.code() == 0
    assert listed.out.all().splitlines()[1].split("\t") == [mended, "inbox", "generate", "j-1", "promt: not known"]
    back = llamaq("dead", "--put-back", mended, "--set", "promt=null", "--set", "prompt=why?")
    assert back.code() == 0
    assert fake_worker.request(back.out.all().strip()) == {"model": "m:latest", "prompt": "why?"}
    other = _set_aside(fake_worker, "{")
    assert llamaq("dead", "--put-back", other).code() == 2
    assert llamaq("dead", "--discard", other).code() == 0
    assert fake_worker.queue.dead() == []
    assert llamaq("dead", "--discard", other).code() == 6

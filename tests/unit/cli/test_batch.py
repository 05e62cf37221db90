"""Files of many: `batch` and `extract --file`. Bounded, resumed after an interruption, failures counted by code."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from llamaq.cli.commands.batch import _read_request
from llamaq.cli.input.jsonl import Input
from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import MODEL, Attempt, FakeWorker

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a schema, three questions, and three texts."""
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    _write(tmp_path / "in.jsonl", [_question(f"q{n}", f"text {n}") for n in range(3)])
    _write(
        tmp_path / "items.jsonl", ["one", {"prompt": "two", "system": "be brief"}, {"prompt": "x", "custom_id": "c"}]
    )
    return tmp_path


def _question(custom_id: str, prompt: str) -> dict[str, Any]:
    return {"custom_id": custom_id, "kind": "generate", "request": {"model": "m", "prompt": prompt}}


def _write(path: Path, lines: list[Any]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _prompt(fake_worker: FakeWorker, attempt: Attempt) -> str:
    return str(fake_worker.request(attempt.job_id)["prompt"])


def _answer(fake_worker: FakeWorker, number: int) -> list[str]:
    """Complete so many jobs with their own prompts; what they were."""
    prompts = []
    for _ in range(number):
        attempt = fake_worker.take()
        prompts.append(_prompt(fake_worker, attempt))
        attempt.complete(text=prompts[-1].upper())
    return prompts


def test_batch_writes_results_as_they_end(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """In the lane `batch`, no more than asked for at a time; a line for each; a summary on stderr, and code 0."""
    shell = llamaq("batch", "in.jsonl", "out.jsonl", "--in-flight", "2", cwd=folder)
    first, second = fake_worker.take(), fake_worker.take()
    assert fake_worker.request(first.job_id)["priority"] == "batch"
    assert len(fake_worker.queue.jobs()) == 2
    late, early = sorted((first, second), key=lambda attempt: _prompt(fake_worker, attempt))
    early.complete(text="1")
    third = fake_worker.take()
    third.complete(text="2")
    late.complete(text="0")

    assert shell.code() == 0, shell.err.all()
    lines = _lines(folder / "out.jsonl")
    assert lines[0]["custom_id"] == "q1"
    assert {line["custom_id"]: line["result"]["text"] for line in lines} == {"q0": "0", "q1": "1", "q2": "2"}
    assert all(line["job_id"] and line["key"] for line in lines)
    assert shell.err.all() == "3 of 3 completed\n"
    assert shell.out.all() == ""


def test_failures_are_counted_by_code(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """Each failure is a line of the output too; the code is 1."""
    _write(folder / "in.jsonl", [_question(f"q{n}", "x") for n in range(3)] + [_question("bad", "x")])
    lines = _lines(folder / "in.jsonl")
    lines[-1]["request"]["model"] = "absent"
    _write(folder / "in.jsonl", lines)
    shell = llamaq("batch", "in.jsonl", "out.jsonl", cwd=folder)
    fake_worker.take().complete(text="fine")
    fake_worker.take().fail("timed_out", "late", clock="deadline")
    fake_worker.queue.job(fake_worker.take().job_id).cancel("enough")

    assert shell.code() == 1
    written = {line["custom_id"]: line for line in _lines(folder / "out.jsonl")}
    assert written["bad"]["error"]["code"] == "model_not_found"
    assert written["bad"]["job_id"] is None
    said = shell.err.all().splitlines()
    assert said[0] == "1 of 4 completed, 3 failed"
    assert sorted(line.split(":")[0].strip() for line in said[1:]) == [
        "1 cancelled",
        "1 model_not_found",
        "1 timed_out",
    ]


def test_extract_writes_results_in_the_order_of_the_file(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """A text or an object on each line; to stdout where no `--out` is given."""
    shell = llamaq("extract", "m", "--schema", "s.json", "--file", "items.jsonl", "--repairs", "1", cwd=folder)
    attempts = {
        _prompt(fake_worker, attempt): attempt
        for attempt in (fake_worker.take(), fake_worker.take(), fake_worker.take())
    }
    for n, prompt in enumerate(("x", "two", "one")):
        attempts[prompt].complete(value={"n": n}, repairs=0)

    assert shell.code() == 0, shell.err.all()
    lines = [json.loads(line) for line in shell.out.all().splitlines()]
    assert [(line["custom_id"], line["result"]["value"]["n"]) for line in lines] == [
        ("line-1", 2),
        ("line-2", 1),
        ("c", 0),
    ]
    request = fake_worker.request(attempts["two"].job_id)
    assert (request["system"], request["repairs"], request["schema"]) == ("be brief", 1, SCHEMA)


def test_what_was_interrupted_goes_on(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """Ctrl-C ends it at once with 130; the same command does the rest: no job twice, none lost, in order."""
    command = ("extract", "m", "--schema", "s.json", "--file", "items.jsonl", "--out", "out.jsonl", "--in-flight", "2")
    shell = llamaq(*command, cwd=folder)
    first, second = sorted((fake_worker.take(), fake_worker.take()), key=lambda attempt: _prompt(fake_worker, attempt))
    first.complete(value={"n": 1}, repairs=0)
    third = fake_worker.take()
    shell.interrupt()

    assert shell.code() == 130
    assert "interrupted with 1 of 3 done" in shell.err.all()
    assert len(_lines(folder / "out.jsonl")) == 1
    with (folder / "out.jsonl").open("a") as out:
        out.write('{"custom_id": "line-2", "ke')  # as a process that was killed may leave it

    second.complete(value={"n": 2}, repairs=0)
    again = llamaq(*command, cwd=folder)
    third.complete(value={"n": 3}, repairs=0)

    assert again.code() == 0, again.err.all()
    lines = _lines(folder / "out.jsonl")
    assert [line["custom_id"] for line in lines] == ["line-1", "line-2", "c"]
    assert [line["job_id"] for line in lines] == [first.job_id, second.job_id, third.job_id]
    assert len(fake_worker.queue.jobs()) == 3
    assert again.err.all() == "3 of 3 completed\n"


def test_a_finished_run_does_nothing_more(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """Its failures stand; `--retry-failed` tries those again, and those alone."""
    command = ("batch", "in.jsonl", "out.jsonl")
    shell = llamaq(*command, cwd=folder)
    for attempt in (fake_worker.take(), fake_worker.take(), fake_worker.take()):
        if _prompt(fake_worker, attempt) == "text 1":
            attempt.fail("timed_out", "late")
        else:
            attempt.complete(text="fine")
    assert shell.code() == 1

    again = llamaq(*command, cwd=folder)
    assert again.code() == 1
    assert "1 timed_out: q1" in again.err.all()
    assert "1 failed in an earlier run, and stand; --retry-failed tries them again" in again.err.all()
    assert len(fake_worker.queue.jobs()) == 3

    retry = llamaq(*command, "--retry-failed", cwd=folder)
    assert _answer(fake_worker, 1) == ["text 1"]
    assert retry.code() == 0, retry.err.all()
    assert sorted(line["custom_id"] for line in _lines(folder / "out.jsonl")) == ["q0", "q1", "q2"]
    assert len(fake_worker.queue.jobs()) == 4


def test_a_terminal_sees_how_far_it_is(fake_worker: FakeWorker, terminal: Llamaq, folder: Path) -> None:
    """A bar with the count and the time that is left, which is gone at the end."""
    shell = terminal("batch", str(folder / "in.jsonl"), str(folder / "out.jsonl"), "--in-flight", "1")
    shell.out.until("0/3")
    _answer(fake_worker, 1)
    shell.out.until("1/3")
    shell.out.until("left")
    _answer(fake_worker, 2)
    assert shell.code() == 0
    assert shell.out.all().rstrip().endswith("3 of 3 completed")


def test_another_run_does_everything_anew(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """The same requests under another name are other jobs."""
    for run in ("monday", "tuesday"):
        shell = llamaq("batch", "in.jsonl", f"{run}.jsonl", "--run", run, cwd=folder)
        assert len(_answer(fake_worker, 3)) == 3
        assert shell.code() == 0


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["{"], "in.jsonl, line 1: "),
        (['{"custom_id": "a", "kind": "generate", "request": {}}'] * 2, "line 2: custom_id 'a' was on line 1 already"),
        (['{"kind": "generate", "request": {}}'], "custom_id must be a string, not None"),
        (['{"custom_id": "a", "kind": "paint", "request": {}}'], "kind 'paint' is none of generate, chat"),
        (['{"custom_id": "a", "kind": "generate", "request": {}, "model": "m"}'], "unknown field 'model'"),
        (["[]"], "want an object with"),
        (["", '"x"'], "line 2: want an object with"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, lines: list[str], complaint: str) -> None:
    """With the file, the number, and what is wanted."""
    (folder / "in.jsonl").write_text("\n".join(lines))
    with pytest.raises(click.UsageError) as caught:
        Input(folder / "in.jsonl", _read_request).check()
    assert complaint in str(caught.value)


def test_a_file_is_checked_before_anything_is_queued(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """The last line is wrong: the first is not submitted either, and the code is 2."""
    with (folder / "in.jsonl").open("a") as lines:
        lines.write("{")
    shell = llamaq("batch", "in.jsonl", "out.jsonl", cwd=folder)
    assert shell.code() == 2
    assert "in.jsonl, line 4: " in shell.err.all()
    assert fake_worker.queue.jobs() == []


def test_every_wrong_request_is_named_beforehand(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """With its line and field, ten at most; nothing is queued, and the code is 2."""
    wrong = [_question(f"w{n}", "") for n in range(12)]
    schema = {"model": "m", "prompt": "x", "schema": {"type": "array", "minItems": 2, "maxItems": 1}}
    _write(
        folder / "in.jsonl",
        [_question("q", "x"), {"custom_id": "s", "kind": "extraction", "request": schema}, *wrong],
    )
    shell = llamaq("batch", "in.jsonl", "out.jsonl", cwd=folder)
    assert shell.code() == 2
    said = shell.err.all()
    assert "in.jsonl, line 2: schema.minItems: " in said
    assert "in.jsonl, line 3: prompt: String should have at least 1 character" in said
    assert said.count("in.jsonl, line ") == 10
    assert fake_worker.queue.jobs() == []


def test_the_word_to_wait_for_a_model_is_no_fault(folder: Path) -> None:
    """It is the queue's, and no field of a request."""
    line = _question("q", "x")
    line["request"]["wait_for_model"] = True
    _write(folder / "in.jsonl", [line])
    assert Input(folder / "in.jsonl", _read_request).check() == 1


def test_the_output_of_something_else_is_left_alone(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """A file that is no output, and one whose input has changed since: refused, and not a byte is written."""
    (folder / "out.jsonl").write_text('{"some": "thing"}\n')
    shell = llamaq("batch", "in.jsonl", "out.jsonl", cwd=folder)
    assert shell.code() == 2
    assert "no line of results" in shell.err.all()
    assert (folder / "out.jsonl").read_text() == '{"some": "thing"}\n'

    (folder / "out.jsonl").unlink()
    done = llamaq("batch", "in.jsonl", "out.jsonl", cwd=folder)
    _answer(fake_worker, 3)
    assert done.code() == 0
    _write(folder / "in.jsonl", [_question("q0", "something else")])
    changed = llamaq("batch", "in.jsonl", "out.jsonl", cwd=folder)
    assert changed.code() == 2
    assert "belongs to another request" in changed.err.all()
    assert len(_lines(folder / "out.jsonl")) == 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("x", "--file", "items.jsonl"), "--file stands in PROMPT's place"),
        (("--file", "items.jsonl", "--detach"), "--file stands in PROMPT's place"),
        ((), "give a PROMPT, or a --file of them"),
        (("--file", "absent.jsonl"), "absent.jsonl"),
    ],
)
def test_extract_takes_a_prompt_or_a_file(llamaq: Llamaq, folder: Path, words: tuple[str, ...], complaint: str) -> None:
    """Not both, and not neither."""
    shell = llamaq("extract", MODEL, *words, "--schema", "s.json", cwd=folder)
    assert shell.code() == 2
    assert complaint in shell.err.all()


def test_an_unusable_schema_ends_it_at_once(fake_worker: FakeWorker, llamaq: Llamaq, folder: Path) -> None:
    """Not once for each line."""
    (folder / "s.json").write_text('{"type": "array", "minItems": 2, "maxItems": 1}')
    shell = llamaq("extract", "m", "--schema", "s.json", "--file", "items.jsonl", cwd=folder)
    assert shell.code() == 2
    assert shell.err.all().count("schema.minItems: it is more than maxItems") == 1
    assert fake_worker.queue.jobs() == []

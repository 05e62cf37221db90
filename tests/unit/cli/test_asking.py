"""The commands that submit: what goes in, what comes out."""

import json
from pathlib import Path

import PIL.Image
import pytest

from llamaq.vocabulary.kinds.generate import GenerateRequest
from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import HOST, MODEL, FakeWorker


def test_generate_streams_its_text(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Text is on stdout as soon as it is written, the whole answer ends with a line end, and the code is 0."""
    shell = llamaq("generate", "M", "hello")
    attempt = fake_worker.take()
    attempt.say("Hé")
    shell.out.until("Hé")
    attempt.say("llo ", "[bold]you[/bold]")
    attempt.complete(text="Héllo [bold]you[/bold]")
    assert shell.code() == 0
    assert shell.out.all() == "Héllo [bold]you[/bold]\n"
    assert shell.err.all() == ""


def test_json_lines_are_the_log(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`--json` gives each event as it stands in the log, with its cursor, up to the terminal one."""
    shell = llamaq("generate", "m", "hello", "--json")
    attempt = fake_worker.take()
    attempt.event("progress", stage="loading", numbers={"percent": 3})
    attempt.say("a\nb\x1b")
    attempt.complete(text="a\nb\x1b", added_by_a_newer_worker=1)
    assert shell.code() == 0
    lines = [json.loads(line) for line in shell.out.all().splitlines()]
    assert lines == [{"cursor": cursor} | json.loads(event) for cursor, event in fake_worker.log(attempt.job_id)]
    assert [line["type"] for line in lines] == ["queued", "started", "progress", "delta", "completed"]


def test_null_is_absent(fake_worker: FakeWorker, llamaq: Llamaq, tmp_path: Path) -> None:
    """In an option, and in each optional field of a line of a file: it says nothing."""
    shell = llamaq("generate", "m", "x", "--detach", "--option", "top_k=null", "--option", "seed=2")
    assert shell.code() == 0, shell.err.all()
    assert fake_worker.request(shell.out.all().strip())["options"] == {"seed": 2}
    fake_worker.take().complete(text="well")
    fields = set(GenerateRequest.model_fields) - {"kind", "model", "prompt"}
    line = {"custom_id": "a", "kind": "generate", "request": {**dict.fromkeys(fields), "model": "m", "prompt": "y"}}
    (tmp_path / "in.jsonl").write_text(json.dumps(line))

    many = llamaq("batch", "in.jsonl", "out.jsonl", cwd=tmp_path)
    attempt = fake_worker.take()
    attempt.complete(text="well")

    assert many.code() == 0, many.err.all()
    assert fake_worker.request(attempt.job_id) == {"model": MODEL, "prompt": "y", "priority": "batch"}


def test_the_options_become_fields_of_the_request(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Every shared option reaches the request with its type; `-` is stdin; `--detach` prints the id alone."""
    shell = llamaq(
        *("generate", "m", "-", "--detach", "--priority", "interactive", "--tenant", "t1", "--system", "be brief"),
        *("--option", "num_ctx=4096", "--option", "temperature=0", "--option", "use_mmap=true"),
        *("--option", "stop=5", "--option", "stop=\n", "--think", "--start-within", "30", "--deadline", "60.5"),
        *("--metadata", "user=7=8", "--keep-alive", "10m", "--idempotency-key", "k", "--format", "json"),
        stdin="Grüße\n".encode(),
    )
    assert shell.code() == 0, shell.err.all()
    job_id = shell.out.all().removesuffix("\n")
    assert fake_worker.request(job_id) == {
        "model": MODEL,
        "prompt": "Grüße\n",
        "system": "be brief",
        "priority": "interactive",
        "tenant": "t1",
        "options": {"num_ctx": 4096, "temperature": 0.0, "use_mmap": True, "stop": ["5", "\n"]},
        "think": True,
        "start_within": 30.0,
        "deadline": 60.5,
        "metadata": {"user": "7=8"},
        "keep_alive": "10m",
        "idempotency_key": "k",
        "format": "json",
    }


@pytest.mark.parametrize(("flag", "meaning"), [("--think=false", False), ("--think=high", "high"), ("--think", True)])
def test_think_has_levels_and_takes_no_word(
    fake_worker: FakeWorker, llamaq: Llamaq, flag: str, meaning: object
) -> None:
    """`--think` before the arguments does not swallow one of them; a level follows an equals sign."""
    shell = llamaq("generate", "--detach", flag, "m", "hello")
    assert shell.code() == 0, shell.err.all()
    assert fake_worker.request(shell.out.all().strip())["think"] == meaning


def test_chat_takes_one_turn(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A message with `--system` goes as a whole history, and the answer streams."""
    shell = llamaq("chat", "m", "Hi", "--system", "be kind")
    attempt = fake_worker.take()
    assert fake_worker.request(attempt.job_id)["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "Hi"},
    ]
    attempt.say("Hello")
    attempt.complete(message={"role": "assistant", "content": "Hello"})
    assert shell.code() == 0
    assert shell.out.all() == "Hello\n"


def test_chat_continues_a_conversation_from_stdin(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Without a terminal a missing MESSAGE is stdin; `--conversation` names the kept history."""
    shell = llamaq("chat", "m", "--conversation", "user-17", "--detach", stdin=b"And now?")
    assert shell.code() == 0, shell.err.all()
    request = fake_worker.request(shell.out.all().strip())
    assert (request["conversation"], request["message"]) == ("user-17", "And now?")


def test_tool_calls_are_lines_of_json(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """What a model wants called is part of the answer."""
    shell = llamaq("chat", "m", "Weather?")
    attempt = fake_worker.take()
    call = {"function": {"name": "weather", "arguments": {"city": "Köln"}}}
    attempt.event("delta", text="Let me see")
    attempt.event("delta", tool_calls=[call])
    attempt.complete(message={"role": "assistant", "content": "Let me see", "tool_calls": [call]})
    assert shell.code() == 0
    first, second = shell.out.all().splitlines()
    assert first == "Let me see"
    assert json.loads(second) == call


def test_describe_tells_images_from_the_prompt(fake_worker: FakeWorker, llamaq: Llamaq, tmp_path: Path) -> None:
    """All files are images, here of one request; the last argument is the prompt."""
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        PIL.Image.new("RGB", (32, 32), colour).save(tmp_path / name)
    shell = llamaq("describe", "m", "--together", "a.png", "b.png", "What has changed?", cwd=tmp_path)
    attempt = fake_worker.take()
    request = fake_worker.request(attempt.job_id)
    assert request["prompt"] == "What has changed?"
    assert len(set(request["images"])) == 2
    attempt.say("The colour")
    attempt.complete(text="The colour")
    assert shell.code() == 0
    assert shell.out.all() == "The colour\n"


def test_extract_prints_the_value_alone(fake_worker: FakeWorker, llamaq: Llamaq, tmp_path: Path) -> None:
    """Stdout is one JSON value, also after a repair whose first text was not valid."""
    (tmp_path / "book.json").write_text('{"type": "object", "properties": {"title": {"type": "string"}}}')
    shell = llamaq("extract", "m", "Dune", "--schema", "book.json", cwd=tmp_path)
    attempt = fake_worker.take()
    attempt.say('{"title": 3}')
    attempt.event("progress", stage="repairing")
    attempt.say('{"title": "Dünengeschichte"}')
    attempt.complete(value={"title": "Dünengeschichte"}, repairs=1)
    assert shell.code() == 0
    assert json.loads(shell.out.all()) == {"title": "Dünengeschichte"}
    assert "Dünengeschichte" in shell.out.all()


def test_extract_takes_a_class_from_the_working_directory(
    fake_worker: FakeWorker, llamaq: Llamaq, tmp_path: Path
) -> None:
    """`module:Class` is imported from where one stands."""
    (tmp_path / "shop.py").write_text(
        "import pydantic\n\n\nclass Invoice(pydantic.BaseModel):\n    total: float\n", "utf-8"
    )
    shell = llamaq("extract", "m", "3 EUR", "--schema", "shop:Invoice", "--detach", cwd=tmp_path)
    assert shell.code() == 0, shell.err.all()
    schema = fake_worker.request(shell.out.all().strip())["schema"]
    assert schema["required"] == ["total"]


def test_embed_prints_a_vector_for_each_text(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """One JSON array per line, in the order of the texts."""
    shell = llamaq("embed", "m", "a", "b")
    attempt = fake_worker.take()
    assert fake_worker.request(attempt.job_id)["input"] == ["a", "b"]
    attempt.complete(embeddings=[[0.25, 1.0], [0.5, 2.0]])
    assert shell.code() == 0
    assert [json.loads(line) for line in shell.out.all().splitlines()] == [[0.25, 1.0], [0.5, 2.0]]


def test_embed_takes_a_file_with_a_text_on_each_line(fake_worker: FakeWorker, llamaq: Llamaq, tmp_path: Path) -> None:
    """Behind the texts of the command line; with the fields of Ollama's request."""
    chunks = tmp_path / "chunks.txt"
    chunks.write_bytes("\ufeffb\u2028c\r\nd\n".encode())
    shell = llamaq("embed", "m", "a", "--lines", str(chunks), "--dimensions", "2", "--truncate")
    attempt = fake_worker.take()
    request = fake_worker.request(attempt.job_id)
    assert (request["input"], request["dimensions"], request["truncate"]) == (["a", "b\u2028c", "d"], 2, True)
    attempt.complete(embeddings=[[0.25, 1.0]] * 3)
    assert shell.code() == 0


def test_embed_without_a_text_is_refused(llamaq: Llamaq, tmp_path: Path) -> None:
    """And an empty line is named, because a line that is left out would shift all answers behind it."""
    chunks = tmp_path / "chunks.txt"
    chunks.write_text("a\n\nb")
    nothing, gap = llamaq("embed", "m"), llamaq("embed", "m", "--lines", str(chunks))
    assert (nothing.code(), gap.code()) == (2, 2)
    assert "--lines" in nothing.err.all()
    assert "input.1" in gap.err.all()


def test_connection_options_stand_at_either_place(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`--redis-url` and `--prefix` override the environment, before the command or behind it."""
    wrong = {"LLAMAQ_REDIS_URL": "redis://127.0.0.1:1/0", "LLAMAQ_PREFIX": "elsewhere"}
    right = ("--redis-url", fake_worker.url, "--prefix", fake_worker.prefix)
    for words in ((*right, "models"), ("models", *right)):
        shell = llamaq(*words, **wrong)
        assert shell.code() == 0, shell.err.all()
        assert f"{MODEL}\t{HOST}" in shell.out.all()


def test_a_start_that_is_put_off(fake_worker: FakeWorker, llamaq: Llamaq, terminal: Llamaq) -> None:
    """As a delay or as a time; whoever waits on a terminal is told until when, and `status` says it too."""
    delay = llamaq("generate", "m", "x", "--start-after", "2h", "--detach")
    shown = terminal("generate", "m", "x", "--start-after", "2090-11-28T14:05")
    wrong = llamaq("generate", "m", "x", "--start-after", "soon")
    assert delay.code() == 0
    job = fake_worker.queue.job(delay.out.all().strip())
    assert fake_worker.request(job.id)["start_after"] == 7200
    shown.out.until("It is not to start before 2090-11-28 14:05:00.")
    shown.interrupt()
    assert wrong.code() == 2
    assert "give a duration (90s, 10min, 2h, 3d) or a time" in wrong.err.all()
    status = llamaq("status", job.id)
    assert status.code() == 0
    assert "It is not to start before" in status.out.all()

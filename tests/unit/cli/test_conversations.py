"""`llamaq conversation`: the kept ones, looked at and changed."""

import json
from pathlib import Path

import pytest

from llamaq.cli.app import main
from llamaq.cli.terminal.answer import figures
from llamaq.vocabulary.kinds.chat import ChatResult, ReplyMessage
from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import MODEL, FakeWorker

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def _turn(fake_worker: FakeWorker, said: str, **answer: str) -> None:
    """A turn of `c` that was answered."""
    job = fake_worker.queue.chat(MODEL, conversation="c", message=said)
    message = {"role": "assistant", "content": f"re: {said}", **answer}
    turn = [{"role": "user", "content": said, "job": job.id}, {**message, "job": job.id}]
    fake_worker.claim(job.id).complete_turn(message, turn)


class Here:
    """The command line in this process: the same code, without the second that a process takes to begin."""

    def __init__(self, fake_worker: FakeWorker, streams: pytest.CaptureFixture[str]) -> None:
        self._connection = ("--redis-url", fake_worker.url, "--prefix", fake_worker.prefix)
        self._streams = streams

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        code = main(["conversation", *words, *self._connection])
        return (code, *self._streams.readouterr())


@pytest.fixture
def here(fake_worker: FakeWorker, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(fake_worker, capsys)


def test_a_conversation_from_its_settings_to_its_end(fake_worker: FakeWorker, here: Here) -> None:
    """Set, shown, listed, forked, edited, cut and deleted: each says what it did, on stdout."""
    words = ("--model", MODEL, "--system", "Be kind.", "--option", "seed=1")
    assert here("set", "c", *words) == (0, "c set: model, system, options\n", "")
    _turn(fake_worker, "Hi")
    _turn(fake_worker, "And?")

    assert here("show", "c")[1].splitlines() == [
        f"model: {MODEL}", "system: Be kind.", 'options: {"seed": 1}',
        "[1] user: Hi", "[1] assistant: re: Hi", "[2] user: And?", "[2] assistant: re: And?",
    ]  # fmt: skip
    rows = [line.split("\t") for line in here("list")[1].splitlines()]
    assert rows[0] == ["name", "messages", "waiting", "touched", "kept for", "model"]
    assert [*rows[1][:3], rows[1][5]] == ["c", "4", "0", MODEL]
    assert here("fork", "c", "d", "--at", "1") == (0, "d forked from c\n", "")
    assert here("edit", "d", "1", "Hello") == (0, "d edited in turn 1\n", "")
    assert here("edit", "d", "1", "Good day", "--answer")[0] == 0
    assert [(said.content, said.edited) for said in fake_worker.queue.conversation("d").history()] == [
        ("Hello", True), ("Good day", True),
    ]  # fmt: skip
    assert here("delete", "c", "--after", "1") == (0, "c deleted after turn 1\n", "")
    assert here("set", "c", "--clear", "system") == (0, "c set: system\n", "")
    assert here("delete", "d") == (0, "d deleted\n", "")
    assert (
        len(fake_worker.queue.conversation("c").history()),
        fake_worker.queue.conversation("c").settings().system,
    ) == (2, None)
    assert [one.name for one in fake_worker.queue.conversations()] == ["c"]
    assert here("list", "--tenant", "nobody")[2] == "no conversations of the tenant nobody are kept\n"


def test_tools_come_from_a_file(fake_worker: FakeWorker, here: Here, tmp_path: Path) -> None:
    """A JSON array; another file is refused."""
    (tmp_path / "tools.json").write_text(json.dumps([TOOL]))
    (tmp_path / "wrong.json").write_text("{")

    assert here("set", "c", "--tools", str(tmp_path / "tools.json"))[0] == 0
    code, _, err = here("set", "c", "--tools", str(tmp_path / "wrong.json"))

    assert (code, fake_worker.queue.conversation("c").settings().tools) == (2, [TOOL])
    assert "--tools is no JSON" in err


def test_for_scripts_there_is_json(fake_worker: FakeWorker, here: Here) -> None:
    """The settings first, then a message a line; and the list, a conversation a line."""
    fake_worker.queue.conversation("c").set(model=MODEL, tools=[TOOL])
    _turn(fake_worker, "Hi")

    shown, listed = here("show", "c", "--json"), here("list", "--json")

    assert shown[0] == listed[0] == 0
    settings, question, _ = map(json.loads, shown[1].splitlines())
    assert settings == {"settings": {"model": MODEL, "tools": [TOOL]}}
    assert (question["turn"], question["role"], question["content"]) == (1, "user", "Hi")
    (one,) = map(json.loads, listed[1].splitlines())
    assert (one["name"], one["messages"]) == ("c", 2)
    assert one["created_at"] <= one["updated_at"] < one["expires_at"]


def test_a_turn_is_sent_with_what_the_conversation_is_set_to(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """As a text, or as the answer of a tool; and --when-busy goes along."""
    fake_worker.queue.conversation("c").set(model=MODEL)

    sent = llamaq("conversation", "send", "c", "Weather?", "--detach")
    answered = llamaq("conversation", "send", "c", "-", "--tool-name", "weather", "--detach", stdin=b"11 degrees")
    chatted = llamaq("chat", MODEL, "Stop", "--conversation", "c", "--when-busy", "rollback", "--detach")

    assert [one.code() for one in (sent, answered, chatted)] == [0, 0, 0]
    requests = [fake_worker.request(one.out.all().strip()) for one in (sent, answered, chatted)]
    assert (requests[0]["model"], requests[0]["message"]) == (MODEL, "Weather?")
    assert requests[1]["message"] == {"role": "tool", "content": "11 degrees", "tool_name": "weather"}
    assert requests[2]["when_busy"] == "rollback"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "nobody"), 6, "no conversation 'nobody'"),
        (("delete", "nobody"), 6, "no conversation 'nobody'"),
        (("fork", "nobody", "x"), 6, "no conversation 'nobody'"),
        (("fork", "c", "c"), 1, "there is a conversation 'c' already"),
        (("fork", "c", "x", "--at", "9"), 2, "there is no turn 9"),
        (("edit", "c", "9", "x"), 2, "turn 9 has no message"),
        (("set", "c"), 2, "say what to set"),
        (("set", "c", "--ttl", "0"), 2, "ttl"),
        (("set", "c", "--option", "num_ctx=many"), 2, "options.num_ctx"),
        (("send", "c", "Hi"), 2, "is set to none"),
        (("list", "--tenant", "a:b"), 2, "tenant"),
    ],
)
def test_what_cannot_be_done_says_so(
    fake_worker: FakeWorker, here: Here, words: tuple[str, ...], code: int, said: str
) -> None:
    """On stderr, with the exit code of its kind."""
    _turn(fake_worker, "Hi")

    ended, out, err = here(*words)

    assert (ended, out) == (code, "")
    assert said in err


def test_a_busy_conversation_names_its_turn(fake_worker: FakeWorker, here: Here, llamaq: Llamaq) -> None:
    """A turn that may not wait, a change and a deletion are refused while another turn has not ended."""
    running = fake_worker.queue.chat(MODEL, conversation="c", message="Hi")
    shell = llamaq("chat", MODEL, "And?", "--conversation", "c", "--when-busy", "reject")

    refused = [
        here("send", "c", "And?", "--model", MODEL, "--when-busy", "reject"),
        here("delete", "c"),
        here("delete", "c", "--after", "0"),
        (shell.code(), shell.out.all(), shell.err.all()),
    ]

    for code, out, err in refused:
        assert (code, out) == (5, "")
        assert f"llamaq cancel {running.id}" in err
    assert len(fake_worker.queue.jobs()) == 1


def test_a_turn_that_does_not_fit_fails(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """With the code and Ollama's words; and of one that did, the figures tell what was left out."""
    shell = llamaq("chat", MODEL, "Hi", "--conversation", "c")
    fake_worker.take().fail("context_overflow", "the prompt has 9000 tokens, the context 4096")

    assert shell.code() == 1
    assert "context_overflow: the prompt has 9000 tokens, the context 4096" in shell.err.all()
    result = ChatResult(
        model=MODEL, host="h", attempts=1, message=ReplyMessage(role="assistant", content="x"), history_dropped=2
    )
    assert "2 earlier messages left out" in figures(result)


def test_when_busy_without_a_conversation_is_wrong(llamaq: Llamaq) -> None:
    """It would say nothing."""
    shell = llamaq("chat", MODEL, "Hi", "--when-busy", "reject")

    assert shell.code() == 2
    assert "when_busy" in shell.err.all()

"""What a terminal gets more than a pipe: colours, places in the queue, a conversation; and what must not reach it."""

import pytest

from tests.unit.cli.conftest import Llamaq
from tests.unit.cli.fake_worker import HOST, MODEL, FakeWorker

ESCAPE = "\x1b["


def test_an_answer_on_a_terminal(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """The fake_worker is shown while no text comes, then the text; the last line has tokens, speed and times."""
    shell = terminal("generate", "m", "hello")
    attempt = fake_worker.take()
    attempt.event("progress", stage="loading")
    shell.out.until("loading the model")
    attempt.event("delta", thinking="hmm")
    shell.out.until("hmm")
    attempt.say("Hello [red]you[/red]")
    attempt.complete(
        text="Hello [red]you[/red]",
        usage={"output_tokens": 40},
        timings={"queued": 0.5, "first_token": 1.0, "total": 5.0},
    )
    assert shell.code() == 0
    seen = shell.out.all()
    assert "Hello [red]you[/red]\r\n" in seen
    assert f"{MODEL} on {HOST} · 40 tokens · 10.0 tokens/s · queued 0.50 s · first token 1.0 s · total 5.0 s" in seen


def test_models_cannot_steer_the_terminal(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """Control sequences in a model's text and thoughts are shown, not obeyed; tabs, lines and letters stay."""
    shell = terminal("generate", "m", "x")
    attempt = fake_worker.take()
    attempt.event("delta", thinking="\x1b]0;title\x07")
    attempt.say("a\x1b[2Jb\x9b31m\x07\x08\x7f\tc\nü")
    attempt.complete(text="a\x1b[2Jb\x9b31m\x07\x08\x7f\tc\nü")
    assert shell.code() == 0
    seen = shell.out.all()
    assert "a␛[2Jb�31m␇␈␡\tc\r\nü" in seen
    assert "␛]0;title␇" in seen
    assert not {"\x07", "\x08", "\x9b", "\x7f"} & set(seen)


def test_in_a_pipe_the_text_is_as_it_is(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """A pipe gets every character, and no colours even where FORCE_COLOR asks for them."""
    shell = llamaq("generate", "m", "x", FORCE_COLOR="1")
    attempt = fake_worker.take()
    attempt.say("a\x1b[2Jb\r")
    again = attempt.give_back("ollama_error", "boom")
    again.say("c")
    again.complete(text="c")
    assert shell.code() == 0
    assert shell.out.all() == "a\x1b[2Jb\r\nc\n"
    assert "\x1b" not in shell.err.all()


@pytest.mark.parametrize("fake_worker", [{"slots": 1}], indirect=True)
def test_the_place_in_the_queue_is_kept_fresh(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """While a job waits, its place is shown, and moves on as the others end."""
    running, waiting = fake_worker.queue.generate("m", "x"), fake_worker.queue.generate("m", "x")
    shell = terminal("generate", "m", "hello")
    shell.out.until("queued: 1 job ahead")
    waiting.cancel()
    shell.out.until("next in the queue")
    fake_worker.claim(running.id).complete(text="done")
    shell.out.until("about to start")


def test_a_restart_is_visible(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """On a terminal a new attempt draws a line between the void text and the new."""
    shell = terminal("generate", "m", "x")
    attempt = fake_worker.take()
    attempt.say("lost words")
    shell.out.until("lost words")
    again = attempt.give_back("ollama_unavailable", "h1 is away")
    again.say("kept")
    again.complete(text="kept")
    assert shell.code() == 0
    lost, _, kept = shell.out.all().partition("the text so far is void")
    assert "lost words\r\n" in lost
    assert "kept\r\n" in kept


@pytest.mark.parametrize(
    "fake_worker", [{"loaded": True, "size": 4_700_000_000, "capabilities": ["completion", "vision"]}], indirect=True
)
def test_tables_on_a_terminal(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """Tables have colours there, and an id is never cut, even where the terminal is narrow."""
    jobs = [fake_worker.queue.generate("m", "x") for _ in range(2)]
    for columns in (60, 200):
        shell = terminal("jobs", columns=columns)
        assert shell.code() == 0
        seen = shell.out.all()
        assert ESCAPE in seen
        assert all(job.id in seen for job in jobs)
    shell = terminal("models", columns=120)
    assert shell.code() == 0
    assert "4.7 GB" in shell.out.all()


def test_watch_ends_with_ctrl_c(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """`models --watch` draws until Ctrl-C, and that is a good end."""
    shell = terminal("models", "--watch")
    shell.out.until(MODEL)
    shell.type("\x03")
    assert shell.code() == 0


def test_ctrl_c_on_a_terminal_leaves_it_in_order(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """Detached while the waiting line moves: the cursor is shown again, and the command to come back is whole."""
    shell = terminal("generate", "m", "x", columns=40)
    attempt = fake_worker.take()
    attempt.event("progress", stage="loading")
    shell.out.until("loading the model")
    shell.type("\x03")
    assert shell.code() == 130
    seen = shell.out.all()
    cursor = fake_worker.log(attempt.job_id)[-1][0]
    assert f"Follow it again: llamaq follow {attempt.job_id} --after {cursor}\r\n" in seen
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")


def test_a_conversation(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """Without MESSAGE: a turn per line in one fresh conversation, whose name is told at the end."""
    shell = terminal("chat", "m")
    names = set()
    for turn, answer in (("Hi", "Hello"), ("And you?", "Fine")):
        shell.out.until(">>> ")
        shell.type(f"{turn}\n")
        attempt = fake_worker.take()
        request = fake_worker.request(attempt.job_id)
        assert request["message"] == turn
        names.add(request["conversation"])
        attempt.say(answer)
        attempt.complete(message={"role": "assistant", "content": answer})
        shell.out.until(f"{answer}\r\n")
    shell.out.until(">>> ")
    shell.type("/bye\n")
    assert shell.code() == 0
    (name,) = names
    assert f"Continue it: llamaq chat m --conversation {name}" in shell.out.all()


def test_ctrl_c_in_a_conversation_stops_the_answer(fake_worker: FakeWorker, terminal: Llamaq) -> None:
    """There Ctrl-C cancels the turn, which would hold up the next one, and the conversation goes on without it."""
    shell = terminal("chat", "m", "--system", "be kind")
    shell.out.until(">>> ")
    shell.type("Tell me everything\n")
    attempt = fake_worker.take()
    attempt.say("Well")
    shell.out.until("Well")
    shell.type("\x03")
    shell.out.until("this turn is not kept")
    shell.out.until(">>> ")
    assert fake_worker.queue.job(attempt.job_id).status().state == "cancelled"
    shell.type("Hi\n")
    second = fake_worker.take()
    assert fake_worker.request(second.job_id)["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "Hi"},
    ]
    second.complete(message={"role": "assistant", "content": "Hello"})
    shell.out.until("Hello")
    shell.out.until(">>> ")
    shell.type("\x04")
    assert shell.code() == 0

"""Answers as models give them: JSON with words around it, thinking in the text, and repetition without end."""

from typing import Any

import pytest

from llamaq import Job, JobFailed
from llamaq.vocabulary.events import Delta, Event, Progress
from tests.conftest import MODEL
from tests.integration.test_extraction import SCHEMA, Book
from tests.service import Service, last_text, wait_until

THINKER = "smollm2-thinking:135m"
DUNE = '{"title": "Dune", "year": 1965, "level": "advanced"}'
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
THOUGHT = ["\n<th", "ink>", "Let me", " see.", "</thi", "nk>\n\n", "Blue", "."]


@pytest.mark.parametrize(
    "tokens",
    [
        ["``", "`json\n", DUNE, "\n```"],
        ["<think>\nIs it {}? ", "[1]</think>\n", DUNE],
        ["\ufeff", DUNE],
        ["Here is the book [1] you", " asked for:\n", DUNE, "\nAnything else?"],
    ],
)
def test_json_that_is_wrapped_is_read_out_instructor_356(service: Service, tokens: list[str]) -> None:
    """At the first answer. The text stays as the model wrote it, and the growing object is that of the value."""
    service.ollama.script(tokens=tokens)

    job = service.queue.extract(MODEL, "Describe Dune.", schema=Book)
    result, partials = job.result(30), list(job.partials(Book))

    assert result.parse(Book) == partials[-1] == Book(title="Dune", year=1965, level="advanced")
    assert (result.repairs, len(service.list_requests())) == (0, 1)
    assert "".join(job.text(on_restart="raise")) == "".join(tokens)
    assert all(book.title in (None, "Dune") for book in partials)


def test_two_values_are_not_guessed_but_asked_again(service: Service) -> None:
    """The model is told that it is not clear which is meant."""
    service.ollama.script(tokens=[f'For example {{"title": "X", "year": 1}}. The book: {DUNE}'])
    service.ollama.script(tokens=[DUNE])

    result = service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA).result(30)

    assert (result.value["title"], result.repairs) == ("Dune", 1)
    assert "2 values" in service.list_requests()[1]["messages"][-1]["content"]


def _pieces(events: list[Event], field: str) -> str:
    return "".join(getattr(event, field) or "" for event in events if isinstance(event, Delta))


def test_thinking_in_the_text_goes_to_thinking_roo_code_1087(service: Service) -> None:
    """Split over pieces, of generate, chat and extraction: joined, the deltas are the result's text and thinking."""
    service.ollama.script(tokens=THOUGHT, contains="colour", times=2)
    service.ollama.script(tokens=[*THOUGHT[:-2], DUNE], contains="Dune")
    generated = service.queue.generate(THINKER, "Which colour?")
    chatted = service.queue.chat(THINKER, messages=[{"role": "user", "content": "Which colour?"}], think=False)
    drawn = service.queue.extract(THINKER, "Describe Dune.", schema=SCHEMA)

    text, message = generated.result(30), chatted.result(30).message

    assert (text.text, text.thinking) == (message.content, message.thinking) == ("Blue.", "Let me see.")
    assert drawn.result(30).repairs == 0
    for job in (generated, chatted, drawn):
        events = list(job.events())
        assert _pieces(events, "thinking") == "Let me see."
        assert last_text(events) == (DUNE if job is drawn else "Blue.")


def test_of_a_model_that_does_not_think_the_tags_are_text(service: Service) -> None:
    """They may be what the user wants."""
    service.ollama.script(tokens=THOUGHT)

    result = service.queue.generate(MODEL, "Show me the tags").result(30)

    assert (result.text, result.thinking) == ("".join(THOUGHT), None)


def test_endless_white_space_ends_and_is_told_ollama_2577(service: Service) -> None:
    """The stream to the host is closed; the job completes with what came, and says why it ended."""
    service.ollama.script(tokens=["Well", *["\n"] * 100_000], rate=2_000)

    job = service.queue.generate(MODEL, "Talk")
    result = job.result(30)

    assert (result.done_reason, result.text) == ("repetition", "Well" + "\n" * 200)
    assert "".join(job.text(on_restart="raise")) == result.text
    service.wait_hung_up()


def test_the_same_tokens_without_end_are_told_in_a_chat(service: Service) -> None:
    """Fifty tokens, again and again, in thinking too."""
    block = [f" word{number}" for number in range(50)]
    service.ollama.script(tokens=block * 100)
    service.ollama.script(thinking=block * 100)
    chats = [service.queue.chat(THINKER, messages=[{"role": "user", "content": "?"}]) for _ in range(2)]

    results = [chat.result(30) for chat in chats]

    assert [result.done_reason for result in results] == ["repetition"] * 2
    assert all(20 <= len(r.text + (r.message.thinking or "")) / len("".join(block)) < 21 for r in results)


def test_the_guard_can_be_turned_off(service: Service) -> None:
    """Who wants 300 empty lines gets them."""
    service.ollama.script(tokens=["\n"] * 300)

    result = service.queue.generate(MODEL, "Talk", repetition_guard=False).result(30)

    assert (result.done_reason, result.text) == ("stop", "\n" * 300)


def test_a_repetition_is_asked_for_again_without_it(service: Service) -> None:
    """An extraction tells the model; a value that was whole before the white space began is taken."""
    service.ollama.script(tokens=['{"title": "', *["\n"] * 5_000])
    service.ollama.script(tokens=[DUNE, *[" "] * 5_000])

    result = service.queue.extract(MODEL, "Describe Dune.", schema=SCHEMA).result(30)

    assert (result.value["title"], result.repairs, result.done_reason) == ("Dune", 1, "repetition")
    question, hint = service.list_requests()[1]["messages"]
    assert question["content"] == "Describe Dune."
    assert "repeated itself" in hint["content"]


def test_what_may_be_held_back_is_told(service: Service) -> None:
    """The tools of a conversation count as those of a request, and so does a format."""
    model = "smollm2-tools:135m"
    service.queue.generate(model, "Load it").result(30)
    wait_until(lambda: any(each.model == model and each.loaded for each in service.queue.models()))
    talk = service.queue.conversation("held-back")
    talk.set(model=model, tools=[TOOL])
    gate = service.hold(times=2)

    jobs: list[Job[Any]] = [talk.send("?"), service.queue.extract(model, "?", schema={"type": "object"}, repairs=0)]
    told = [next(event for event in job.events() if isinstance(event, Progress)).model_extra for job in jobs]
    service.ollama.release(gate)

    assert told == [{"possible": ["prompt", "queue", held]} for held in ("tool_call", "structured_output")]


def test_a_stall_names_the_limit_that_was_in_force(service: Service) -> None:
    """Also where the request names none."""
    service.hold(tokens=["a", "b"], hold_after=1)
    with pytest.raises(JobFailed, match=r"stall_after ran out after 0\.3 s"):
        service.queue.generate(MODEL, "?", stall_after=0.3).result(30)

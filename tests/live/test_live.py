"""The main job against a real Ollama, where there is one: what the scripted one and the recordings claim, holds."""

import pytest

from llamaq import InvalidRequest, JobFailed, JobQueue, OptionsDict, UnknownModel
from llamaq.vocabulary.events import Completed, Delta, Started
from tests.service import read_until

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("live"), pytest.mark.timeout(600)]

BOOK = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["title", "year"],
    "additionalProperties": False,
}
SHORT: OptionsDict = {"num_predict": 24, "temperature": 0.0}


def test_generate_streams_what_the_result_says(live_queue: JobQueue, smallest: str) -> None:
    """The deltas join to the result, and what was counted is reported."""
    job = live_queue.generate(smallest, "Name three colours.", options=SHORT, think=False)
    events = list(job.events(fresh=False))
    result = job.result(1)

    assert [type(event) for event in events if isinstance(event, Started | Completed)] == [Started, Completed]
    assert "".join(event.text or "" for event in events if isinstance(event, Delta)) == result.text != ""
    assert result.usage.prompt_tokens
    assert result.usage.output_tokens


def test_a_conversation_remembers(live_queue: JobQueue, smallest: str) -> None:
    """The second turn is sent with the first, which costs more prompt than alone."""
    first = live_queue.chat(smallest, conversation="live", message="My name is Ada.", options=SHORT).result(300)
    second = live_queue.chat(smallest, conversation="live", message="What is my name?", options=SHORT).result(300)

    assert first.message.role == second.message.role == "assistant"
    assert (second.usage.prompt_tokens or 0) > (first.usage.prompt_tokens or 0)
    assert len(live_queue.conversation("live").history()) == 4


def test_an_extraction_is_valid(live_queue: JobQueue, smallest: str) -> None:
    """The grammar holds on the real engine."""
    job = live_queue.extract(
        smallest, "The novel Dune came out in 1965.", schema=BOOK, options={"temperature": 0.0, "num_predict": 200}
    )

    value = job.result(300).value

    assert set(value) == {"title", "year"}
    assert isinstance(value["year"], int)


def test_a_cancel_frees_the_slot(live_queue: JobQueue, smallest: str) -> None:
    """A long answer is cut, and the one slot serves the next job."""
    long = live_queue.generate(smallest, "Count to ten thousand.", options={"num_predict": 4000})
    read_until(long, Delta)

    assert long.cancel()

    assert live_queue.generate(smallest, "Say yes.", options=SHORT).result(300).done_reason
    assert long.status().state == "cancelled"


def test_what_cannot_be_done_is_refused_with_its_reason(live_queue: JobQueue, smallest: str) -> None:
    """An unknown model, and a prompt that is longer than its context."""
    with pytest.raises(UnknownModel):
        live_queue.generate("no-such-model", "x")
    with pytest.raises(InvalidRequest, match="options"):
        live_queue.generate(smallest, "x", options={"num_predict": "many"})  # type: ignore[arg-type]  # on purpose
    over = live_queue.generate(smallest, "word " * 4000, options={"num_ctx": 256, "num_predict": 8})
    with pytest.raises(JobFailed) as failed:
        over.result(300)
    assert failed.value.error.code == "context_overflow"


def test_the_status_tells_what_is_loaded(live_queue: JobQueue, smallest: str) -> None:
    """After a job, the model is reported as in memory."""
    live_queue.generate(smallest, "Hi.", options=SHORT).result(300)

    job = live_queue.generate(smallest, "Hi again.", options=SHORT)
    job.result(300)

    (status,) = [model for model in live_queue.models() if model.model == smallest]
    assert status.version
    assert status.size

"""embedding: one vector for each input, in their order."""

import pytest

from llamaq import EmbeddingResult, InvalidRequest, JobCancelled, JobFailed
from llamaq.vocabulary.events import Progress
from tasks.embedding import BATCH_INPUTS
from tests.conftest import MODEL
from tests.service import Service, kinds

EMBED = "smollm2-embed:135m"


def test_a_string_gives_one_vector(service: Service) -> None:
    """The body is model, input and `truncate: false`; the result has one vector, and no text was streamed."""
    service.ollama.script(embeddings=[[0.25, -1.5]])

    job = service.queue.embed(EMBED, "a")
    result = job.result(30)

    assert isinstance(result, EmbeddingResult)
    assert result.embeddings == [[0.25, -1.5]]
    assert result.usage.prompt_tokens == 1
    assert service.list_requests("/api/embed") == [{"model": EMBED, "input": "a", "truncate": False}]
    assert kinds(list(job.events())) == ["queued", "started", "completed"]


def test_a_list_gives_its_vectors_in_order(service: Service) -> None:
    """Each text's vector is at its place: the same as when it is asked for alone."""
    texts = ["one", "two", "three"]

    together = service.queue.embed(EMBED, texts, keep_alive=60).result(30).embeddings
    alone = [service.queue.embed(EMBED, text).result(30).embeddings[0] for text in texts]

    assert together == alone
    assert service.list_requests()[0] == {"model": EMBED, "input": texts, "keep_alive": 60, "truncate": False}


def test_a_long_vector_keeps_its_digits(service: Service) -> None:
    """Numbers arrive as the host gave them."""
    vector = [0.1, 1e-17, -0.30000000000000004, 123456789.125]
    service.ollama.script(embeddings=[vector])

    assert service.queue.embed(EMBED, "a").result(30).embeddings == [vector]


def test_a_model_without_embeddings_is_unsupported(service: Service) -> None:
    """Its refusal is typed and not tried again; a fleet that knows of it does not even queue."""
    with pytest.raises(InvalidRequest, match="no embedding"):
        service.queue.embed(MODEL, "a")
    refusal = "This server does not support embeddings. Start it with `--embeddings`"
    service.ollama.script(status=501, body={"error": refusal})
    job = service.queue.embed(EMBED, "a")

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert (caught.value.code, caught.value.error.status) == ("unsupported", 501)
    assert len(service.list_requests()) == 1


def test_an_input_over_the_context_is_not_cut(service: Service) -> None:
    """Too long a text fails with `context_overflow`; it is never cut silently."""
    job = service.queue.embed(EMBED, "word " * 3000)

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert caught.value.code == "context_overflow"


def test_a_long_list_tells_how_far_it_is(service: Service) -> None:
    """Batches in order, progress between them, and the fields of Ollama's request in each call."""
    texts = [f"text {number}" for number in range(BATCH_INPUTS + 2)]

    job = service.queue.embed(EMBED, texts, dimensions=8, truncate=True)
    result = job.result(30)

    assert len(result.embeddings) == len(texts)
    assert {len(vector) for vector in result.embeddings} == {8}
    assert result.embeddings[-1] == service.queue.embed(EMBED, texts[-1], dimensions=8).result(30).embeddings[0]
    progress = [event for event in job.events() if isinstance(event, Progress)]
    assert [(event.stage, event.model_extra) for event in progress] == [
        ("embedding", {"completed": BATCH_INPUTS, "total": BATCH_INPUTS + 2})
    ]
    common = {"model": EMBED, "dimensions": 8, "truncate": True}
    assert service.list_requests("/api/embed")[:2] == [
        {**common, "input": texts[:BATCH_INPUTS]},
        {**common, "input": texts[BATCH_INPUTS:]},
    ]


def test_too_long_an_input_is_named(service: Service) -> None:
    """Its number is in the message and in `input`; Ollama refuses the whole call, and does not say which it is."""
    texts = ["short"] * 70
    texts[67] = "word " * 3000
    job = service.queue.embed(EMBED, texts)

    with pytest.raises(JobFailed, match=r"input 67 \(counted from 0\)") as caught:
        job.result(30)

    error = caught.value.error
    assert (error.code, (error.model_extra or {})["input"]) == ("context_overflow", 67)


def test_a_long_list_is_cancelled_at_once(service: Service) -> None:
    """The call under way ends, and no other batch is asked for."""
    gate = service.hold(embeddings=[[0.5]] * BATCH_INPUTS)
    job = service.queue.embed(EMBED, ["x"] * 10 * BATCH_INPUTS)
    service.wait_held(gate)

    job.cancel()

    with pytest.raises(JobCancelled):
        job.result(30)
    service.wait_hung_up()
    assert len(service.list_requests("/api/embed")) == 1

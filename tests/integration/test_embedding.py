"""embedding: one vector for each input, in their order."""

import pytest

from llamaq import EmbeddingResult, InvalidRequest, JobFailed
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
    assert service.asked("/api/embed") == [{"model": EMBED, "input": "a", "truncate": False}]
    assert kinds(list(job.events())) == ["queued", "started", "completed"]


def test_a_list_gives_its_vectors_in_order(service: Service) -> None:
    """Each text's vector is at its place: the same as when it is asked for alone."""
    texts = ["one", "two", "three"]

    together = service.queue.embed(EMBED, texts, keep_alive=60).result(30).embeddings
    alone = [service.queue.embed(EMBED, text).result(30).embeddings[0] for text in texts]

    assert together == alone
    assert service.asked()[0] == {"model": EMBED, "input": texts, "keep_alive": 60, "truncate": False}


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
    assert len(service.asked()) == 1


def test_an_input_over_the_context_is_not_cut(service: Service) -> None:
    """Too long a text fails with `context_overflow`; it is never cut silently."""
    job = service.queue.embed(EMBED, "word " * 3000)

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert caught.value.code == "context_overflow"

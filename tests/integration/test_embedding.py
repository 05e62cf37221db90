"""embedding: one vector for each input, in their order."""

import pytest

from llamaq import EmbeddingResult, InvalidRequest, JobFailed
from tests.conftest import MODEL
from tests.integration.house import House, kinds

EMBED = "smollm2-embed:135m"


def test_a_string_gives_one_vector(house: House) -> None:
    """The body is model, input and `truncate: false`; the result has one vector, and no text was streamed."""
    house.ollama.script(embeddings=[[0.25, -1.5]])

    job = house.queue.embed(EMBED, "a")
    result = job.result(30)

    assert isinstance(result, EmbeddingResult)
    assert result.embeddings == [[0.25, -1.5]]
    assert result.usage.prompt_tokens == 1
    assert house.asked("/api/embed") == [{"model": EMBED, "input": "a", "truncate": False}]
    assert kinds(list(job.events())) == ["queued", "started", "completed"]


def test_a_list_gives_its_vectors_in_order(house: House) -> None:
    """Each text's vector is at its place: the same as when it is asked for alone."""
    texts = ["one", "two", "three"]

    together = house.queue.embed(EMBED, texts, keep_alive=60).result(30).embeddings
    alone = [house.queue.embed(EMBED, text).result(30).embeddings[0] for text in texts]

    assert together == alone
    assert house.asked()[0] == {"model": EMBED, "input": texts, "keep_alive": 60, "truncate": False}


def test_a_long_vector_keeps_its_digits(house: House) -> None:
    """Numbers arrive as the host gave them."""
    vector = [0.1, 1e-17, -0.30000000000000004, 123456789.125]
    house.ollama.script(embeddings=[vector])

    assert house.queue.embed(EMBED, "a").result(30).embeddings == [vector]


def test_a_model_without_embeddings_is_unsupported(house: House) -> None:
    """Its refusal is typed and not tried again; a fleet that knows of it does not even queue."""
    with pytest.raises(InvalidRequest, match="no embedding"):
        house.queue.embed(MODEL, "a")
    refusal = "This server does not support embeddings. Start it with `--embeddings`"
    house.ollama.script(status=501, body={"error": refusal})
    job = house.queue.embed(EMBED, "a")

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert (caught.value.code, caught.value.error.status) == ("unsupported", 501)
    assert len(house.asked()) == 1


def test_an_input_over_the_context_is_not_cut(house: House) -> None:
    """Too long a text fails with `context_overflow`; it is never cut silently."""
    job = house.queue.embed(EMBED, "word " * 3000)

    with pytest.raises(JobFailed) as caught:
        job.result(30)

    assert caught.value.code == "context_overflow"

"""The vectors of an embedding: each input has one, and a bad one names its input."""

from typing import Any

import pytest

from llamaq.store.worker.outcome import Completed, Retry
from llamaq.vocabulary.requests import dump_json, parse
from tasks.embedding import BATCH_INPUTS
from tasks.registry import run
from tests.unit.tasks.ollama import EventBuffer, Ollama, claimed, context


def _run(ollama: Ollama, transcript: EventBuffer | None = None, **fields: Any) -> Any:
    request = parse({"model": "m", **fields})
    return run(claimed(request.kind, dump_json(request)), context(ollama, transcript))


@pytest.mark.parametrize(("given", "vectors", "well"), [("a", 1, True), (["a", "b"], 2, True), (["a", "b"], 1, False)])
def test_each_input_has_its_vector(given: Any, vectors: int, well: bool) -> None:
    """An answer with another number of vectors is none, and worth another try."""
    outcome = _run(Ollama([{"embeddings": [[0.5]] * vectors}]), kind="embedding", input=given)

    assert isinstance(outcome, Completed if well else Retry)


def test_an_embedding_without_vectors_is_no_answer() -> None:
    """Whatever else came."""
    outcome = _run(Ollama([{}]), kind="embedding", input="a")

    assert isinstance(outcome, Retry)
    assert outcome.error.code == "ollama_error"


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([[0.5], [], [0.5]], "input 1 (counted from 0) is empty"),
        ([[], [0.5], [0.5]], "input 0 (counted from 0) is empty"),
        ([[0.5, 1.0], [0.5], [0.5, 1.0]], "input 1 (counted from 0) has 1 numbers, that of input 0 has 2"),
        ([[0.5], [0.5], [float("nan")]], "input 2 (counted from 0) holds a number that is not finite"),
        ([[0.5], [float("inf")], [0.5]], "input 1 (counted from 0) holds a number that is not finite"),
        ([[0.5], [3.4028235677973366e38], [0.5]], "input 1 (counted from 0) holds a number that is not finite"),
        ([[0.5, 0.5], [0.5, -1e300], [0.5, 0.5]], "input 1 (counted from 0) holds a number that is not finite"),
    ],
)
def test_a_bad_vector_names_its_input(vectors: list[list[float]], words: str) -> None:
    """An empty one, one of another length, NaN: the attempt failed by the host, and no such vector is stored."""
    outcome = _run(Ollama([{"embeddings": vectors}]), kind="embedding", input=["a", "b", "c"])

    assert isinstance(outcome, Retry)
    assert outcome.error.code == "ollama_error"
    assert words in outcome.error.message


def test_a_bad_vector_of_a_later_batch_is_counted_over_all() -> None:
    """By the place in the request, not in the call."""
    batches = ([{"embeddings": [[0.0]] * BATCH_INPUTS}], [{"embeddings": [[0.0], []]}])

    outcome = _run(Ollama(*batches), kind="embedding", input=["x"] * (BATCH_INPUTS + 2))

    assert f"input {BATCH_INPUTS + 1} " in outcome.error.message


def test_a_batch_with_a_vector_missing_is_tried_again_whole() -> None:
    """Nothing is put together out of an answer that does not fit its question."""
    ollama = Ollama([{"embeddings": [[0.0]] * BATCH_INPUTS}], [{"embeddings": [[0.0]]}])

    assert isinstance(_run(ollama, kind="embedding", input=["x"] * (BATCH_INPUTS + 2)), Retry)

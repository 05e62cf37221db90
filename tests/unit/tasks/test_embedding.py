"""embedding: batches, the input that a failure is of, and the size of the result."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import api_client
from api_client import BadRequest, ContextOverflow, OllamaError, ServerFault
from llamaq import InvalidRequest
from llamaq.store.worker.outcome import Completed, Failed, Outcome, Retry
from tasks import embedding as task
from tasks.attempt.stoppable import AttemptStopped
from tasks.embedding import BATCH_CHARS, BATCH_INPUTS, embedding
from tests.unit.tasks import ollama as fake

Refuses = Callable[[list[str]], OllamaError | None]


class Host(fake.Ollama):
    """Embeds each text as the number in it, or refuses the call."""

    def __init__(self, refuses: Refuses = lambda texts: None, length: int = 2) -> None:
        super().__init__()
        self._refuses = refuses
        self._length = length

    def embed(self, body: dict[str, Any], **_: Any) -> fake.Said:
        self.asked.append(dict(body))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if error := self._refuses(texts):
            raise error
        vectors = [[float(text.strip("x") or 0)] * self._length for text in texts]
        return fake.Said([{"embeddings": vectors, "prompt_eval_count": len(texts), "load_duration": 1_000_000_000}])

    @property
    def sizes(self) -> list[int]:
        """Inputs of each call."""
        return [len(body["input"]) for body in self.asked]


def _run(host: Host, given: str | list[str], events: fake.EventBuffer | None = None, **fields: Any) -> Outcome:
    request = {"kind": "embedding", "model": "m", "input": given, **fields}
    job = fake.claimed("embedding", json.dumps(request))
    return embedding(job, fake.context(host, events), job.request)  # type: ignore[arg-type]  # the kind's own


def _result(outcome: Outcome) -> dict[str, Any]:
    assert isinstance(outcome, Completed)
    found: dict[str, Any] = json.loads(outcome.result_json)
    return found


def _numbers(number: int) -> list[str]:
    return [str(each) for each in range(number)]


def test_a_long_list_goes_in_batches_and_comes_back_in_order() -> None:
    """Each vector is at its input's place, the tokens are summed, and readers are told how far it is."""
    host, events = Host(), fake.EventBuffer()

    result = _result(_run(host, _numbers(150), events))

    assert result["embeddings"] == [[float(each)] * 2 for each in range(150)]
    assert host.sizes == [BATCH_INPUTS, BATCH_INPUTS, 150 - 2 * BATCH_INPUTS]
    assert (result["usage"]["prompt_tokens"], result["timings"]["load"]) == (150, 3.0)
    assert events.said == [("embedding", {"completed": done, "total": 150}) for done in (64, 128)]


def test_long_inputs_make_small_batches() -> None:
    """A call is bounded in characters too; an input over the bound has a call of its own."""
    third, whole = "x" * (BATCH_CHARS // 3), "x" * (BATCH_CHARS + 1)
    host = Host()

    _run(host, [third, third, third, third, whole, "1"])

    assert host.sizes == [3, 1, 1, 1]


def test_one_string_is_sent_as_one_and_nothing_is_cut_unless_asked_for() -> None:
    """`truncate` is false by default, and what was set is sent."""
    host = Host(length=1)

    _run(host, "7")
    _run(host, ["7"], truncate=True, dimensions=1)

    assert host.asked == [
        {"model": "m:latest", "input": "7", "truncate": False},
        {"model": "m:latest", "input": ["7"], "truncate": True, "dimensions": 1},
    ]


@pytest.mark.parametrize("number", [0, 1, 63, 64, 100, 129])
@pytest.mark.parametrize("kind", [ContextOverflow, BadRequest, ServerFault])
def test_a_failure_names_the_input_that_it_is_of(number: int, kind: type[OllamaError]) -> None:
    """Ollama refuses a whole call; the input is found by halving, so with few calls more."""
    host = Host(lambda texts: kind("no", status=400) if str(number) in texts else None)

    outcome = _run(host, _numbers(130))

    assert isinstance(outcome, Retry if kind is ServerFault else Failed)
    assert outcome.error.message == f"input {number} (counted from 0): no"
    assert (outcome.error.details["input"], outcome.error.details["status"]) == (number, 400)
    assert not outcome.blame, "the host took the other inputs"
    assert len(host.asked) <= 3 + 7 + 1


def test_of_several_bad_inputs_the_first_is_named() -> None:
    """Also where all of them are too long."""
    host = Host(lambda texts: ContextOverflow("too long"))

    outcome = _run(host, _numbers(5))

    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.details["input"]) == ("context_overflow", 0)


@pytest.mark.parametrize("kind", [BadRequest, ServerFault])
def test_a_failure_of_the_whole_request_blames_no_input(kind: type[OllamaError]) -> None:
    """A wrong option fails with each input alone."""
    with pytest.raises(kind, match=r"^option$"):
        _run(Host(lambda texts: kind("option")), _numbers(10))


def test_a_failure_of_a_call_that_is_too_large_blames_no_input() -> None:
    """Each input alone is taken."""
    with pytest.raises(BadRequest, match=r"^large$"):
        _run(Host(lambda texts: BadRequest("large") if len(texts) > 1 else None), _numbers(10))


@pytest.mark.parametrize("kind", [api_client.HostUnreachable, api_client.ServerBusy, api_client.ModelNotFound])
def test_another_failure_is_not_searched_for(kind: type[OllamaError]) -> None:
    """It is of the host or of the model."""
    host = Host(lambda texts: kind("away"))

    with pytest.raises(kind):
        _run(host, _numbers(10))

    assert len(host.asked) == 1


def test_the_only_input_needs_no_number() -> None:
    """The message is Ollama's own."""
    with pytest.raises(ContextOverflow, match=r"^too long$"):
        _run(Host(lambda texts: ContextOverflow("too long")), "1")


def test_a_stop_takes_effect_between_batches() -> None:
    """A cancel, or the deadline, while no call is open."""
    host = Host()
    request = {"kind": "embedding", "model": "m", "input": _numbers(150)}
    job = fake.claimed("embedding", json.dumps(request))
    context = fake.context(host)
    context.events.progress = lambda *_, **__: context.attempt.stop("deadline")  # type: ignore[method-assign]

    with pytest.raises(AttemptStopped):
        embedding(job, context, job.request)  # type: ignore[arg-type]  # the kind's own


def test_vectors_that_could_not_be_stored_are_refused_after_the_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after an hour: with how many inputs would fit."""
    monkeypatch.setattr(task, "MOST_RESULT_BYTES", 1000)
    host = Host()

    with pytest.raises(InvalidRequest, match=r"^input: 1000 vectors of 2 numbers .* at most \d+ inputs") as caught:
        _run(host, _numbers(1000))

    fitting = int(caught.value.problems[0].message.split("at most ")[1].split()[0])
    assert host.sizes == [BATCH_INPUTS]
    assert len(_result(_run(Host(), _numbers(fitting)))["embeddings"]) == fitting


def test_vectors_longer_than_asked_for_are_not_taken() -> None:
    """An Ollama before `dimensions` ignores it; a table of that width would not take the vectors."""
    outcome = _run(Host(length=3), ["1"], dimensions=2)

    assert isinstance(outcome, Retry)
    assert "3 numbers though `dimensions` is 2" in outcome.error.message

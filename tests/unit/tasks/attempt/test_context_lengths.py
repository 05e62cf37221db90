"""How many tokens a model's context holds, by what the host tells."""

from typing import Any

import pytest

from api_client import ModelCard, OllamaConnectionError, RunningModel
from embedded.scripted.fleet import MODEL
from llamaq.store.clock import Clock
from llamaq.vocabulary.options import Options
from tasks.attempt.context_lengths import FRESH_SECONDS, Context, ContextLengths, context_of

TRAINED = {"general.architecture": "llama", "llama.context_length": 8192}


class Host:
    """Tells what it is given, and counts how often it was asked."""

    def __init__(self, card: ModelCard | None, in_memory: int | None = None) -> None:
        self._card = card
        self._in_memory = in_memory
        self.asked = 0

    def show(self, model: str) -> ModelCard:
        """As /api/show."""
        self.asked += 1
        if self._card is None:
            raise OllamaConnectionError(f"no answer about {model}")
        return self._card

    def ps(self) -> list[RunningModel]:
        """As /api/ps."""
        if self._card is None:
            raise OllamaConnectionError("no answer")
        return [RunningModel(name=MODEL.upper(), context_length=self._in_memory)]


class Time(Clock):
    """Goes on when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def _context_lengths(host: Host, time: Clock | None = None) -> ContextLengths:
    return ContextLengths(host, time or Time())  # type: ignore[arg-type]  # it answers the same calls


def _card(parameters: str = "", **fields: Any) -> ModelCard:
    return ModelCard.model_validate({"parameters": parameters, "model_info": TRAINED, **fields})


@pytest.mark.parametrize(
    ("card", "context"),
    [
        (_card(), Context(8192)),
        (_card('stop    "<|im_end|>"\nnum_ctx                        4096'), Context(8192, 4096)),
        (_card("num_ctx\nnum_ctx many"), Context(8192)),
        (_card(model_info={}), Context()),
        (_card(model_info={}, details={"context_length": 2048}), Context(2048)),
    ],
)
def test_a_card_tells_what_was_trained_and_what_is_preset(card: ModelCard, context: Context) -> None:
    """The model file's parameters come as one text; old servers tell little."""
    assert context_of(card) == context


@pytest.mark.parametrize(
    ("preset", "asked", "length"),
    [("", None, 8192), ("num_ctx 4096", None, 4096), ("num_ctx 4096", 6000, 6000), ("", 100_000, 8192)],
)
def test_the_request_goes_before_the_model_file(preset: str, asked: int | None, length: int) -> None:
    """And neither goes beyond what was trained: Ollama does not, either."""
    assert _context_lengths(Host(_card(preset))).length(MODEL, Options(num_ctx=asked)) == length


def test_a_host_is_asked_once_in_a_while() -> None:
    """An answer holds for ten minutes."""
    host, time = Host(_card()), Time()
    context_lengths = _context_lengths(host, time)
    for _ in range(3):
        context_lengths.length(MODEL, Options())
    assert host.asked == 1

    time.seconds += FRESH_SECONDS
    context_lengths.length(MODEL, Options())

    assert host.asked == 2


def test_a_host_that_does_not_answer_tells_nothing() -> None:
    """The chat itself meets the same trouble; but what the request asks for is known."""
    context_lengths = _context_lengths(Host(None))

    assert context_lengths.length(MODEL, Options()) is None
    assert context_lengths.length(MODEL, Options(num_ctx=64)) == 64
    assert context_lengths.note_refusal(MODEL, Options(), None) is None


def test_a_refusal_is_remembered_for_a_while() -> None:
    """It is the host's own default, so it says nothing about requests with a num_ctx."""
    time = Time()
    context_lengths = _context_lengths(Host(_card()), time)

    assert context_lengths.note_refusal(MODEL, Options(num_ctx=64), 64) == 64
    assert context_lengths.length(MODEL, Options()) == 8192
    assert context_lengths.note_refusal(MODEL, Options(), 4096) == 4096
    assert context_lengths.length(MODEL, Options()) == 4096
    assert context_lengths.length(MODEL, Options(num_ctx=6000)) == 6000
    assert context_lengths.length("other:latest", Options()) == 8192
    time.seconds += FRESH_SECONDS
    assert context_lengths.length(MODEL, Options()) == 8192


def test_a_refusal_without_figures_is_looked_up() -> None:
    """Older servers do not name the context, but the model is in memory then."""
    context_lengths = _context_lengths(Host(_card(), in_memory=2048))

    assert context_lengths.note_refusal(MODEL, Options(), None) == 2048
    assert context_lengths.length(MODEL, Options()) == 2048

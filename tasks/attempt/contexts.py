"""How many tokens a model's context holds on this host: what it was trained for, and what is in force."""

import logging
import threading
from dataclasses import dataclass

from api_client import ModelCard, OllamaClient, OllamaError
from llamaq.store.clock import Clock
from llamaq.vocabulary.models import normalise
from llamaq.vocabulary.options import Options

FRESH_SECONDS = 600.0
"""For which an answer is believed: a model can be pulled anew, and a host started with other settings."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """A model's.

    Attributes:
        trained: the most it can hold; None where the server does not tell.
        preset: `num_ctx` of its model file; None where it has none.
    """

    trained: int | None = None
    preset: int | None = None


class Contexts:
    """Asks the host once in a while, and remembers what it said when it refused a prompt."""

    def __init__(self, ollama: OllamaClient, clock: Clock) -> None:
        self._ollama = ollama
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, Context]] = {}
        self._refused: dict[str, tuple[float, int]] = {}

    def length(self, model: str, options: Options) -> int | None:
        """Tokens of the context that such a request would get; None where only Ollama can tell, by refusing.

        Without a `num_ctx` that is at least what the model was trained for, until the host has said otherwise: its own
        default depends on its settings and its memory, which it tells nobody.
        """
        context = self._context(model)
        asked = options.num_ctx or self._learnt(model) or context.preset
        known = [tokens for tokens in (asked, context.trained) if tokens]
        return min(known) if known else None

    def refused(self, model: str, options: Options, length: int | None) -> int | None:
        """Take note that a prompt was refused, and tell the context that was in force, where anybody knows it.

        Args:
            model: who was asked.
            options: of the request.
            length: what the refusal named; older servers name nothing, but the model is in memory now.
        """
        length = length or self._in_memory(model)
        if length and not options.num_ctx:
            with self._lock:
                self._refused[model] = (self._clock.monotonic(), length)
        return length

    def _in_memory(self, model: str) -> int | None:
        try:
            running = self._ollama.ps()
        except OllamaError as error:
            _log.info("the host does not tell what is in memory: %s", error.message)
            return None
        return next((each.context_length for each in running if normalise(each.name) == model), None)

    def _learnt(self, model: str) -> int | None:
        with self._lock:
            at, length = self._refused.get(model, (0.0, 0))
        return length if length and self._clock.monotonic() - at < FRESH_SECONDS else None

    def _context(self, model: str) -> Context:
        with self._lock:
            at, context = self._told.get(model, (0.0, None))
        if context is not None and self._clock.monotonic() - at < FRESH_SECONDS:
            return context
        try:
            context = context_of(self._ollama.show(model))
        except OllamaError as error:
            # The chat itself will meet the same trouble, and knows what it means for the job.
            _log.info("the host does not tell about %s: %s", model, error.message)
            return Context()
        with self._lock:
            self._told[model] = (self._clock.monotonic(), context)
        return context


def context_of(card: ModelCard) -> Context:
    """What a model's card says of its context."""
    presets = [line.split() for line in card.parameters.splitlines() if line.startswith("num_ctx ")]
    preset = presets[-1][1] if presets and len(presets[-1]) > 1 else ""
    return Context(card.context_length or card.details.context_length, int(preset) if preset.isdecimal() else None)

"""The context length of each model on this host: the trained one, and the one in force."""

import logging
import re
import threading
from dataclasses import dataclass

from api_client import ModelCard, OllamaClient, OllamaError
from llamaq.store.clock import Clock
from llamaq.vocabulary.models import normalise
from llamaq.vocabulary.options import Options

FRESH_SECONDS = 600.0
"""An answer is cached this long: a model may be pulled again, or the host restarted with other settings."""
PRESET = re.compile(r"\d{1,9}", re.ASCII)
"""A length in a model file. Python refuses to read thousands of digits."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a model, in tokens.

    Attributes:
        trained: the length that it was trained for; None where the server does not tell.
        preset: `num_ctx` of its model file; None where it has none.
    """

    trained: int | None = None
    preset: int | None = None


class ContextLengths:
    """Caches the model cards' context lengths, and those in the host's refusals of prompts."""

    def __init__(self, ollama: OllamaClient, clock: Clock) -> None:
        self._ollama = ollama
        self._clock = clock
        self._lock = threading.Lock()
        self._contexts: dict[str, tuple[float, Context]] = {}
        self._refused: dict[str, tuple[float, int]] = {}

    def length(self, model: str, options: Options) -> int | None:
        """Tokens of the context that a request with these options gets; None where nothing is known.

        Without a `num_ctx` this is the trained length, until a refusal names another one. The host's default depends
        on its settings and its memory, which its API does not tell.
        """
        context = self._load_context(model)
        configured = options.num_ctx or self._refused_length(model) or context.preset
        known = [tokens for tokens in (configured, context.trained) if tokens]
        return min(known) if known else None

    def note_refusal(self, model: str, options: Options, length: int | None) -> int | None:
        """Note that a prompt was refused; returns the context length in force, where it is known.

        Args:
            model: the model that was asked.
            options: of the request.
            length: the length in the refusal. Older servers name none; then `/api/ps` has it.
        """
        length = length or self._length_in_memory(model)
        if length and not options.num_ctx:
            with self._lock:
                self._refused[model] = (self._clock.monotonic(), length)
        return length

    def _length_in_memory(self, model: str) -> int | None:
        try:
            running = self._ollama.ps()
        except OllamaError as error:
            _log.info("the host does not tell what is in memory: %s", error.message)
            return None
        return next((each.context_length for each in running if normalise(each.name) == model), None)

    def _refused_length(self, model: str) -> int | None:
        with self._lock:
            at, length = self._refused.get(model, (0.0, 0))
        return length if length and self._clock.monotonic() - at < FRESH_SECONDS else None

    def _load_context(self, model: str) -> Context:
        with self._lock:
            at, context = self._contexts.get(model, (0.0, None))
        if context is not None and self._clock.monotonic() - at < FRESH_SECONDS:
            return context
        try:
            context = context_of(self._ollama.show(model))
        except OllamaError as error:
            # The chat request will fail in the same way, and its error is handled.
            _log.info("the host does not tell about %s: %s", model, error.message)
            return Context()
        with self._lock:
            self._contexts[model] = (self._clock.monotonic(), context)
        return context


def context_of(card: ModelCard) -> Context:
    """The context in the model card of `/api/show`."""
    presets = [line.split() for line in card.parameters.splitlines() if line.startswith("num_ctx ")]
    preset = presets[-1][1] if presets and len(presets[-1]) > 1 else ""
    return Context(
        card.context_length or card.details.context_length, int(preset) if PRESET.fullmatch(preset) else None
    )

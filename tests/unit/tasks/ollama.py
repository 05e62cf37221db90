"""The context of an attempt without a worker: an Ollama that answers from a list, and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from api_client import ModelCard, Sink
from embedded.scripted.fleet import MODEL
from llamaq import ConversationSettings
from llamaq.store.clock import SYSTEM
from llamaq.store.worker.claimed_job import ClaimedJob
from tasks.attempt.context import AttemptContext
from tasks.attempt.context_lengths import ContextLengths
from tasks.attempt.stoppable import Attempt
from tasks.input_policy.policy import InputPolicy


class Said:
    """One answer: the chunks of a stream, or a whole object.

    Attributes:
        was_full: whether the sink was full, before each chunk.
    """

    def __init__(self, chunks: list[dict[str, Any]]) -> None:
        self._chunks = chunks
        self.was_full: list[bool] = []
        self.cut = threading.Event()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._chunks)

    def each(self, sink: Sink) -> None:
        for chunk in self._chunks:
            self.was_full.append(sink.is_full())
            if not sink.take(chunk):
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def abort(self) -> None:
        self.cut.set()

    def result(self) -> dict[str, Any]:
        return self._chunks[0]


class Ollama:
    """Answers each question with the next of its answers.

    Attributes:
        asked: the bodies that came, in order.
        limits: the seconds of silence that were allowed between two pieces.
        said: what it answered.
    """

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self._answers = iter(answers)
        self.asked: list[dict[str, Any]] = []
        self.limits: list[float | None] = []
        self.said: list[Said] = []

    def _ask(self, body: dict[str, Any], **how: Any) -> Said:
        self.asked.append(dict(body))
        self.limits.append(how.get("stall_timeout_seconds"))
        self.said.append(Said(next(self._answers)))
        return self.said[-1]

    generate = chat = embed = _ask

    def pull(self, model: str, **how: Any) -> Said:
        return self._ask({"model": model}, **how)

    def show(self, model: str) -> ModelCard:
        return ModelCard(template=model)


class EventBuffer:
    """Remembers what was said. It is full after `most` pieces."""

    def __init__(self, most: int = 1000) -> None:
        self.said: list[Any] = []
        self._most = most

    def is_full(self) -> bool:
        return len(self.said) >= self._most

    def delta(self, *words: Any) -> None:
        self.said.append(words)

    def progress(self, stage: str, **numbers: Any) -> None:
        self.said.append((stage, numbers))


@contextmanager
def _silence(_: Sequence[str]) -> Iterator[Callable[[], None]]:
    yield lambda: None


def context(
    ollama: Ollama, transcript: EventBuffer | None = None, policy: InputPolicy | None = None, *, can_think: bool = False
) -> AttemptContext:
    """What a task works with; `can_think` is about every model."""
    return AttemptContext(
        ollama=ollama,  # type: ignore[arg-type]  # it answers the same calls
        attempt=Attempt("job"),
        events=transcript or EventBuffer(),
        image=lambda reference: f"base64 of {reference}",
        history=list,
        settings=ConversationSettings,
        context_lengths=ContextLengths(ollama, SYSTEM),  # type: ignore[arg-type]  # it answers the same calls
        silence=_silence,
        can_think=lambda _: can_think,
        own_name=lambda model: model,
        elapsed=lambda: 2.0,
        first_token_after=lambda: 1.0,
        input_policy=policy or InputPolicy(),
    )


def claimed(kind: str, request_json: str) -> ClaimedJob:
    """A job that was just claimed."""
    return ClaimedJob(
        id="job",
        fence="1",
        attempt=1,
        tries=1,
        max_attempts=3,
        waited_seconds=0.5,
        ran_seconds=0.0,
        kind=kind,
        model=MODEL,
        tenant="default",
        conversation="",
        host="alpha",
        request_json=request_json,
    )


def chat_answer(text: str, done_reason: str = "stop") -> list[dict[str, Any]]:
    """A chat's chunks, in two pieces."""
    half = len(text) // 2
    return [
        {"message": {"role": "assistant", "content": text[:half]}},
        {"message": {"role": "assistant", "content": text[half:]}},
        {"done": True, "done_reason": done_reason, "prompt_eval_count": 3, "eval_count": 5},
    ]

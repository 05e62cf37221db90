"""The context of an attempt: everything that a task may use."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from api_client import OllamaClient
from llamaq.vocabulary.conversations import ConversationSettings
from tasks.attempt.context_lengths import ContextLengths
from tasks.attempt.stoppable import Attempt
from tasks.input_policy.policy import InputPolicy


class Events(Protocol):
    """The events of one attempt, as a task writes them."""

    def is_full(self) -> bool:
        """Whether so much waits to be written that no more of the answer should be read for now."""

    def delta(
        self,
        text: str = "",
        thinking: str = "",
        tool_calls: list[Any] | None = None,
        logprobs: list[Any] | None = None,
    ) -> None:
        """Write a piece of the answer, without waiting."""

    def progress(self, stage: str, **numbers: Any) -> None:
        """Write that a stage of the attempt begins or goes on: `repairing`, `pulling`."""


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """The parts of a worker that the task of one attempt may use.

    Attributes:
        ollama: the host's client.
        attempt: says whether to stop, and holds the call to abort.
        events: writes the events.
        image: base64 of a stored image by its reference; raises `ImageGone`.
        history: the conversation's messages so far, oldest first.
        settings: the settings of the conversation.
        context_lengths: the context lengths of the host's models.
        silence: opens a block around a call of Ollama, and yields a function to call at each piece of the answer.
            Where the first piece takes more than a second, readers are told why no text comes. Its argument names the
            parts of the answer that Ollama may hold back until they are whole.
        can_think: whether a model has the capability `thinking`.
        own_name: the name of a model as the host writes it, with its letter case.
        elapsed: seconds since the attempt began.
        input_policy: filters and escapes the request.
        first_token_after: seconds from its beginning to the first piece of the answer; None before there is one.
    """

    ollama: OllamaClient
    attempt: Attempt
    events: Events
    image: Callable[[str], str]
    history: Callable[[], list[dict[str, Any]]]
    settings: Callable[[], ConversationSettings]
    context_lengths: ContextLengths
    silence: Callable[[Sequence[str]], AbstractContextManager[Callable[[], None]]]
    can_think: Callable[[str], bool]
    own_name: Callable[[str], str]
    elapsed: Callable[[], float]
    first_token_after: Callable[[], float | None]
    input_policy: InputPolicy = field(default_factory=InputPolicy)


class ImageGone(Exception):
    """An image of the request is no longer stored."""

"""What a kind's function works with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from api_client import OllamaClient
from llamaq.vocabulary.conversations import ConversationSettings
from tasks.attempt.attempt import Attempt
from tasks.attempt.contexts import Contexts
from tasks.input_policy.policy import Screening


class Events(Protocol):
    """The events of one attempt, as a kind's function writes them."""

    def delta(self, text: str = "", thinking: str = "", tool_calls: list[Any] | None = None) -> None:
        """A piece of the answer."""

    def progress(self, stage: str, **numbers: Any) -> None:
        """A stage of the attempt: `repairing`, `pulling`."""


@dataclass(frozen=True, slots=True)
class Services:
    """One attempt's way to the world.

    Attributes:
        ollama: the host's client.
        attempt: whether to stop.
        events: where the events go.
        image: base64 of a stored image by its reference; raises `ImageGone`.
        history: the conversation's messages so far, oldest first.
        settings: what the conversation is set to.
        contexts: how many tokens a model's context holds here.
        patience: a block in which nothing has come from Ollama yet; what it yields is called at the first sign.
        elapsed: seconds since the attempt began.
        screening: what becomes of a request before a model sees it.
        first_token_after: seconds from its beginning to the first piece of the answer; None before there is one.
    """

    ollama: OllamaClient
    attempt: Attempt
    events: Events
    image: Callable[[str], str]
    history: Callable[[], list[dict[str, Any]]]
    settings: Callable[[], ConversationSettings]
    contexts: Contexts
    patience: Callable[[], AbstractContextManager[Callable[[], None]]]
    elapsed: Callable[[], float]
    first_token_after: Callable[[], float | None]
    screening: Screening = field(default_factory=Screening)


class ImageGone(Exception):
    """An image that the request shows is no longer stored."""

"""What a kind's function works with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from api_client import OllamaClient
from tasks.attempt import Attempt
from tasks.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Services:
    """One attempt's way to the world.

    Attributes:
        ollama: the host's client.
        attempt: whether to stop.
        transcript: where the events go.
        image: base64 of a stored image by its reference; raises `ImageGone`.
        history: the conversation's messages so far, oldest first.
        patience: a block in which nothing has come from Ollama yet; what it yields is called at the first sign.
        elapsed: seconds since the attempt began.
        first_token_after: seconds from its beginning to the first piece of the answer; None before there is one.
    """

    ollama: OllamaClient
    attempt: Attempt
    transcript: Transcript
    image: Callable[[str], str]
    history: Callable[[], list[dict[str, Any]]]
    patience: Callable[[], AbstractContextManager[Callable[[], None]]]
    elapsed: Callable[[], float]
    first_token_after: Callable[[], float | None]


class ImageGone(Exception):
    """An image that the request shows is no longer stored."""

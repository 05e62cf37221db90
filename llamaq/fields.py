"""The keyword arguments of the queue's verbs, for editors and type checkers; the request models check them again."""

from typing import Any, Literal, TypedDict

from llamaq.options import Options
from llamaq.requests import JsonObject, Lane, Message


class CommonFields(TypedDict, total=False):
    """What every verb takes. See `llamaq.requests.Request` for meanings, units and defaults."""

    options: Options | dict[str, Any]
    keep_alive: str | float
    think: bool | Literal["low", "medium", "high"]
    stream: bool
    priority: Lane
    tenant: str
    idempotency_key: str
    metadata: dict[str, str]
    start_within: float
    first_token_within: float
    stall_after: float
    deadline: float
    wait_for_model: bool


class GenerateFields(CommonFields, total=False):
    """What `generate` takes beside the model and the prompt."""

    system: str
    suffix: str
    raw: bool
    template: str
    format: Literal["json"] | JsonObject


class ChatFields(CommonFields, total=False):
    """What `chat` takes beside the model: `messages`, or `conversation` and `message`."""

    messages: list[Message | dict[str, Any]]
    conversation: str
    message: str | Message | dict[str, Any]
    tools: list[JsonObject]
    format: Literal["json"] | JsonObject


class MultimodalFields(CommonFields, total=False):
    """What `multimodal` takes beside the model, the prompt and the images."""

    system: str
    messages: list[Message | dict[str, Any]]
    format: Literal["json"] | JsonObject


class ExtractFields(CommonFields, total=False):
    """What `extract` takes beside the model, the prompt and the schema."""

    system: str

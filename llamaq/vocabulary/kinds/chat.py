"""chat: an answer to a whole history, or a turn of a kept conversation."""

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.message import History, Message, Messages
from llamaq.vocabulary.kinds.request import AnswerFormat, AnswerRequest, Name, Prompt
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.text_rules import MODEL_JSON
from llamaq.vocabulary.wire import Frozen, JsonObject

WhenBusy = Literal["enqueue", "reject", "interrupt", "rollback"]


def _check_path_segment(name: str) -> str:
    if name in (".", ".."):  # clients and proxies take it out of a path, also where it is percent-encoded
        raise ValueError("no URL can have this name in its path: take another")
    return name


ConversationKey = Annotated[Name, AfterValidator(_check_path_segment)]
"""The name of a conversation."""


class ChatRequest(AnswerRequest):
    """A turn of a chat: `messages` is the whole history; or `conversation` names a kept one, and `message` is new.

    `message` may be a list, such as the answers of tools. `when_busy` says what happens to an earlier turn that runs.
    """

    kind: Literal["chat"] = "chat"
    messages: History | None = None
    conversation: ConversationKey | None = None
    message: Prompt | Message | Messages | None = None
    when_busy: WhenBusy = "enqueue"
    tools: Annotated[list[JsonObject], MODEL_JSON] | None = None
    format: AnswerFormat = None

    @model_validator(mode="after")
    def _check_history(self) -> "ChatRequest":
        if (self.conversation is None) != (self.message is None):
            raise ValueError("conversation and message belong together")
        if (self.messages is None) == (self.conversation is None):
            raise ValueError("give either messages, or conversation and message")
        if self.conversation is None and self.when_busy != "enqueue":
            raise ValueError("when_busy is about the turns of a conversation")
        return self


class ReplyMessage(Frozen):
    """The assistant's message. `tool_calls` are Ollama's objects: `{"function": {"name": ..., "arguments": {...}}}`."""

    role: str
    content: str
    thinking: str | None = None
    tool_calls: list[JsonObject] | None = None


class ChatResult(Result):
    """The result of `chat`, and of `multimodal` with messages.

    Attributes:
        history_dropped: the number of oldest messages that were left out, because the context had no room for them.
        logprobs: Ollama's objects, one for each token, where the request asked for them.
    """

    message: ReplyMessage
    history_dropped: int = 0
    logprobs: list[JsonObject] | None = None

    @property
    def text(self) -> str:
        """The message's content."""
        return self.message.content


DECLARATION = Declaration(
    request=ChatRequest,
    results=(ChatResult,),
    endpoints=(Endpoint.CHAT,),
    summary="an answer to a history, or a turn of a kept conversation",
    needs={"completion": "model", "tools": "tools", "vision": "images", "thinking": "think"},
)

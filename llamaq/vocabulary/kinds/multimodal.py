"""multimodal: a prompt or a chat about images."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.generate import TextResult
from llamaq.vocabulary.kinds.message import History, Image, ModelText
from llamaq.vocabulary.kinds.request import AnswerFormat, Pixels, Prompt, Request


class MultimodalRequest(Request):
    """A prompt or a chat about images. An image is base64, or `sha256:<hex>` of one that the SDK has stored.

    The last message of the user gets `images`, beside those that the messages have.
    `max_edge` (pixels) scales larger images down before they are stored, but not images that are stored already.
    """

    kind: Literal["multimodal"] = "multimodal"
    prompt: Prompt | None = None
    system: ModelText | None = None
    messages: History | None = None
    images: Annotated[list[Image], Field(min_length=1)] | None = None
    max_edge: Pixels | None = None
    format: AnswerFormat = None

    @model_validator(mode="after")
    def _check_question(self) -> "MultimodalRequest":
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        if not self.images and not any(message.images for message in self.messages or ()):
            raise ValueError("images: give 1 or more, here or in a message")
        if self.images and self.messages and not any(message.role == "user" for message in self.messages):
            raise ValueError("messages need one with the role user, for the images to belong to")
        return self


DECLARATION = Declaration(
    request=MultimodalRequest,
    results=(
        TextResult,
        ChatResult,
    ),
    endpoints=(
        Endpoint.GENERATE,
        Endpoint.CHAT,
    ),
    summary="a prompt, or a chat, about images",
    needs={"completion": "model", "vision": "images", "thinking": "think"},
)

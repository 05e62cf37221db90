"""generate: a completion of one prompt."""

from typing import Annotated, Literal

from pydantic import Field

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.message import Image, ModelText
from llamaq.vocabulary.kinds.request import AnswerFormat, AnswerRequest, Prompt
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.text_rules import UNESCAPED_TEXT
from llamaq.vocabulary.wire import JsonObject

MOST_CONTEXT = 1_000_000
"""Tokens: more than the context of any model."""


class GenerateRequest(AnswerRequest):
    """A completion of one prompt.

    An image is base64, or `sha256:<hex>` of one that the SDK has stored. `context` has the tokens of an earlier result,
    which the prompt goes on from; with it, also with an empty list, the result has a `context` too.
    """

    kind: Literal["generate"] = "generate"
    prompt: Prompt
    system: ModelText | None = None
    suffix: ModelText | None = None
    raw: bool | None = None
    # A template is made of control tokens; LLAMAQ_ALLOW_RAW decides whether a producer may write them.
    template: Annotated[str, UNESCAPED_TEXT] | None = None
    format: AnswerFormat = None
    images: list[Image] | None = None
    context: Annotated[list[int], Field(max_length=MOST_CONTEXT)] | None = None


class TextResult(Result):
    """The result of `generate`, and of `multimodal` with a prompt.

    Attributes:
        context: the tokens of the prompt and of the answer, where the request had a `context`.
        logprobs: Ollama's objects, one for each token, where the request asked for them.
    """

    text: str
    thinking: str | None = None
    context: list[int] | None = None
    logprobs: list[JsonObject] | None = None


DECLARATION = Declaration(
    request=GenerateRequest,
    results=(TextResult,),
    endpoints=(Endpoint.GENERATE,),
    summary="a completion of one prompt",
    needs={"completion": "model", "insert": "suffix", "vision": "images", "thinking": "think"},
    operation="text_completion",
)

"""generate: a completion of one prompt."""

from typing import Annotated, Literal

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.message import ModelText
from llamaq.vocabulary.kinds.request import Prompt, Request
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.text_rules import ANSWER_SCHEMA, UNESCAPED_TEXT
from llamaq.vocabulary.wire import JsonObject


class GenerateRequest(Request):
    """A completion of one prompt."""

    kind: Literal["generate"] = "generate"
    prompt: Prompt
    system: ModelText | None = None
    suffix: ModelText | None = None
    raw: bool | None = None
    # A template is made of control tokens; LLAMAQ_ALLOW_RAW decides whether a producer may write them.
    template: Annotated[str, UNESCAPED_TEXT] | None = None
    format: Literal["json"] | Annotated[JsonObject, ANSWER_SCHEMA] | None = None


class TextResult(Result):
    """The result of `generate`, and of `multimodal` with a prompt."""

    text: str
    thinking: str | None = None


DECLARATION = Declaration(
    request=GenerateRequest,
    results=(TextResult,),
    endpoints=(Endpoint.GENERATE,),
    summary="a completion of one prompt",
    needs={"completion": "model", "insert": "suffix", "thinking": "think"},
    operation="text_completion",
)

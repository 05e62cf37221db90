"""embedding: one vector for each text."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.message import Text
from llamaq.vocabulary.kinds.request import Request
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.text_rules import UNESCAPED_TEXT

MOST_INPUTS = 50_000
"""Inputs of one job. Each costs a vector in the result, whose size is bounded too."""
EmbeddedText = Annotated[Text, UNESCAPED_TEXT]


class EmbeddingRequest(Request):
    """Vectors for one text or a list of them, in their order.

    `dimensions` keeps so many numbers of each vector. With `truncate` a text that is longer than the model's context is
    cut; otherwise it fails the job with `context_overflow`.
    """

    kind: Literal["embedding"] = "embedding"
    # Tokens are not escaped, because an embedding has no turns that a control token could end.
    input: EmbeddedText | Annotated[list[EmbeddedText], Field(min_length=1, max_length=MOST_INPUTS)]
    dimensions: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    truncate: bool | None = None


class EmbeddingResult(Result):
    """The result of `embedding`: one vector for each input, in their order."""

    embeddings: Sequence[Sequence[float]]


DECLARATION = Declaration(
    request=EmbeddingRequest,
    results=(EmbeddingResult,),
    endpoints=(Endpoint.EMBED,),
    summary="one vector for each text",
    needs={"embedding": "model"},
    operation="embeddings",
)

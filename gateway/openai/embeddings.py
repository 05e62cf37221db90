"""`/v1/embeddings`: a vector for each text."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.openai.answer_form import Chunks
from gateway.openai.generation import Shared, parameter_of
from gateway.openai.parameters import parameter_path, read_parameters, unsupported
from gateway.openai.parsed_request import ParsedRequest
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.embedding import EmbeddingResult
from llamaq.vocabulary.kinds.result import Result

REFUSED: dict[str, str] = {}
_NO_TOKENS = "Ollama takes texts, not lists of tokens (LangChain: check_embedding_ctx_length=False)"


class Embedding(Shared):
    """The parameters."""

    input: Any = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1)] | None = None


def read_embedding(body: Any) -> ParsedRequest:
    """Read what an embedding asks for. A text that is longer than the context is refused, not cut.

    Raises:
        InvalidRequest: names the parameter that is wrong, or that Ollama cannot do.
    """
    given = read_parameters(Embedding, body, REFUSED)
    return ParsedRequest(
        job=given.build_job("embedding", input=_read_input(given.input), dimensions=given.dimensions),
        form=EmbeddingForm(given.model, given.encoding_format),
        stream=False,
        parameter=lambda field: parameter_of(field) or parameter_path(field),
    )


def _read_input(given: Any) -> str | list[str]:
    match given:
        case str():
            return given
        case [int() | list(), *_]:
            raise unsupported("input", _NO_TOKENS)
        case [str(), *_]:
            for number, each in enumerate(given):
                if not isinstance(each, str):
                    raise InvalidRequest.of(f"input[{number}]", "give a text", "invalid_type")
            return list(given)
        case []:
            raise InvalidRequest.of("input", "give at least one text", "invalid_value")
        case None:
            raise InvalidRequest.of("input", "it is missing", "missing_required_parameter")
    raise InvalidRequest.of("input", "give a text, or a list of texts", "invalid_type")


@dataclass(frozen=True, slots=True)
class EmbeddingForm:
    """The form of the answer: vectors as lists of numbers, or as base64 of their 32-bit floats."""

    model: str
    encoding: Literal["float", "base64"]

    def render_body(self, job_id: str, created: int, result: Result) -> dict[str, Any]:  # noqa: ARG002 - a form has both
        """Render the body of a list of embeddings."""
        if not isinstance(result, EmbeddingResult):
            raise TypeError(f"an embedding has another result: {type(result).__name__}")
        data = [
            {"object": "embedding", "index": number, "embedding": self._encode_vector(vector)}
            for number, vector in enumerate(result.embeddings)
        ]
        tokens = result.usage.prompt_tokens or 0
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": self.model, "usage": usage}

    def chunks(self, job_id: str, created: int) -> Chunks:
        """There is no stream of embeddings."""
        raise NotImplementedError("embeddings are not streamed")

    def _encode_vector(self, vector: Sequence[float]) -> str | list[float]:
        if self.encoding == "float":
            return list(vector)
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

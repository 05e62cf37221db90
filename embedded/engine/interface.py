"""The interface between the HTTP server and an engine, and the values that they exchange."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ollama_api.refusal import Refusal

Json = dict[str, Any]

DEFAULT_CONTEXT = 4096


class EngineError(Refusal):
    """A request that ends with an error in Ollama's words."""


@dataclass(frozen=True)
class Model:
    """One entry of the catalogue, as /api/tags and /api/show describe it.

    Attributes:
        name: With its tag, in small letters.
        capabilities: Of "completion", "vision", "tools", "thinking", "embedding", "insert".
        size: Of the file, bytes.
        digest: Hex.
        weights: Hex digest of the blob with the weights; models with the same one share a runner. Empty: its digest.
        modified_at: RFC 3339.
        context_length: The longest context it was trained on, tokens.
        embedding_length: The width of its vectors.
        family: The architecture ("llama").
        parameter_size: As Ollama prints it ("134.52M").
        quantization_level: "Q4_1" and the like.
        template: How a prompt is made of messages, as text for /api/show.
        parameters: The model's own defaults, as text for /api/show.
        license: Its license, as text for /api/show.
    """

    name: str
    capabilities: tuple[str, ...] = ("completion",)
    size: int = 98362814
    digest: str = "0" * 64
    modified_at: str = "2025-01-01T00:00:00Z"
    context_length: int = 8192
    embedding_length: int = 576
    family: str = "llama"
    parameter_size: str = "134.52M"
    quantization_level: str = "Q4_1"
    template: str = "{{ .Prompt }}"
    parameters: str = ""
    license: str = ""
    weights: str = ""

    @property
    def blob(self) -> str:
        """The digest of its weights."""
        return self.weights or self.digest


@dataclass(frozen=True)
class Call:
    """One request to generate, decoded, checked and with its model known to exist.

    Attributes:
        kind: Which endpoint, and with it the form of the answer.
        model: The catalogue's entry.
        name: The model's name as the client wrote it; answers echo it.
        body: The request, types checked, otherwise untouched.
        stream: Whether the answer goes out token by token.
        options: Ollama's `options`, of the right types.
        schema: The JSON Schema the answer has to obey, or None. `"json"` is `{"type": "object"}`.
        images: The decoded images, in order.
    """

    kind: Literal["generate", "chat"]
    model: Model
    name: str
    body: Json
    stream: bool
    options: Json
    schema: Json | None = None
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Piece:
    """A part of an answer, at most one token long except for tool calls."""

    text: str = ""
    thinking: str = ""
    tool_calls: Sequence[Json] = ()


@dataclass(frozen=True)
class Outcome:
    """How an answer ended.

    Attributes:
        done_reason: "stop" or "length".
        prompt_tokens: Evaluated, including those found in the cache.
        prompt_ns: Time that took.
        output_tokens: Generated.
        output_ns: Time that took.
        context: All token ids, for /api/generate; empty leaves the field out.
        extra: Further fields of the last line, replacing those made from the above.
    """

    done_reason: str
    prompt_tokens: int
    prompt_ns: int
    output_tokens: int
    output_ns: int
    context: Sequence[int] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Vectors:
    """The answer to /api/embed."""

    embeddings: list[list[float]]
    prompt_tokens: int


class Answer(Protocol):
    """Receives a runner's answer, piece by piece."""

    async def send_piece(self, piece: Piece) -> None:
        """Send one piece, or keep it where the client does not stream."""

    async def send_end(self, outcome: Outcome) -> None:
        """Send the last line."""


class Runner(Protocol):
    """A model in memory. The server calls `generate` at most once at a time for each slot."""

    context_length: int
    size: int

    async def generate(self, call: Call, answer: Any) -> None:
        """Answer one call. When the client leaves, the call is cancelled and stops at once.

        Raises:
            EngineError: It cannot, or cannot go on.
        """

    async def embed(self, inputs: Sequence[str], dimensions: int | None) -> Vectors:
        """Vectors of the inputs.

        Raises:
            EngineError: The model makes none.
        """

    async def count_tokens(self, text: str) -> int:
        """How many tokens the text has."""

    async def close(self) -> None:
        """Free the memory. No call is running."""


class Engine(Protocol):
    """Holds the catalogue and loads models."""

    @property
    def models(self) -> Sequence[Model]:
        """The catalogue, newest first."""

    async def load(self, model: Model, context_length: int) -> Runner:
        """Load a model. The load is cancelled when no request waits for it any more.

        Raises:
            EngineError: It cannot be loaded.
        """

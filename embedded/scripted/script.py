"""Scripts: the requests that they fit, the delays before the tokens, the tokens, and the end."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Fault = Literal["cut", "reset", "garbage", "utf8", "error", "end"]

GENERATING = ("/api/generate", "/api/chat", "/api/embed", "/api/embeddings")


@dataclass(frozen=True)
class Script:
    """The answer to a request. A request takes the first script that fits: numbered ones before endless ones.

    Which requests:

    Attributes:
        path: The path of the request, of any endpoint; None fits every generating endpoint.
        model: The model as the client wrote it; None fits every model.
        contains: A text in the raw body; None fits every body.
        times: The number of requests that it serves; None sets no limit.

    Before the tokens:

    Attributes:
        delay_seconds: The wait on arrival, before the model is looked up and a slot is taken.
        status: Answer with this HTTP status at once, instead of tokens. A dict as `body` is sent as JSON.
        body: The body with `status`.
        headers: The headers with `status`.
        first_token_seconds: The wait with a slot, before the headers.
        hold: The gate at which the request waits, with a slot, until `release(hold)`.
        hold_after: Tokens that are sent before the gate; 0 is before the headers.

    The tokens:

    Attributes:
        tokens: The tokens, one chunk each.
        count: Instead of `tokens`: the number of repetitions of `text`.
        text: The token for `count`.
        stamp: Whether each token's text is `time.time_ns()` when it is sent, with 19 digits.
        rate: Tokens per second, evenly paced; None sends them all at once.
        thinking: Tokens of thinking, sent before the text.
        tool_calls: Sent after the text, in one chunk.
        embeddings: The vectors of the embedding endpoints; None generates some.
        chunk_bytes: Cut the body into HTTP chunks of this size, across lines and characters.

    The end:

    Attributes:
        done_reason: "stop" or "length".
        final: Fields of the last line that replace generated ones, such as `prompt_eval_count`.
        fault: Instead of the last line: "cut" closes the connection, "reset" resets it, "garbage" sends a line that is
            no JSON and then ends well, "utf8" closes inside a character, "error" sends an error line and ends well,
            "end" ends well without the last line.
        fault_after: Chunks that are sent before the fault; None is all. A `hold` comes before the fault.
        fault_at_byte: Instead of `fault_after`: the byte of the body before which it happens.
        error: The text of "error".
        ignore_disconnect: Whether the answer goes on, with its slot, after the client has left.
    """

    path: str | None = None
    model: str | None = None
    contains: str | None = None
    times: int | None = 1
    delay_seconds: float = 0.0
    status: int | None = None
    body: str | dict[str, Any] = ""
    headers: dict[str, str] = field(default_factory=dict)
    first_token_seconds: float = 0.0
    hold: str | None = None
    hold_after: int = 0
    tokens: list[str] | None = None
    count: int | None = None
    text: str = " token"
    stamp: bool = False
    rate: float | None = None
    thinking: list[str] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    embeddings: list[list[float]] | None = None
    chunk_bytes: int | None = None
    done_reason: str = "stop"
    final: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None
    fault_after: int | None = None
    fault_at_byte: int | None = None
    error: str = "an error was encountered while running the model: unexpected EOF"
    ignore_disconnect: bool = False

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    def matches(self, path: str, model: str, raw: str) -> bool:
        """Whether it fits such a request."""
        right_path = path == self.path if self.path else path in GENERATING
        return right_path and self.model in (None, model) and (self.contains is None or self.contains in raw)


# The answer to a request that no script fits.
DEFAULT = Script(tokens=["Hello", " from", " the", " script", "."], times=None)


@dataclass(frozen=True)
class ScriptedModel:
    """One model of the scripted server.

    Attributes:
        name: With its tag.
        capabilities: Of "completion", "vision", "tools", "thinking", "embedding", "insert".
        load_seconds: The time of its load.
        context_length: The longest context, tokens.
        dimensions: The length of its vectors.
        weights: A name for its weights: models with the same one share a runner. None: its own.
    """

    name: str
    capabilities: tuple[str, ...] = ("completion",)
    load_seconds: float = 0.0
    context_length: int = 8192
    dimensions: int = 8
    weights: str | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


MODELS = (
    ScriptedModel("smollm2:135m"),
    ScriptedModel("smollm2-tools:135m", ("completion", "tools")),
    ScriptedModel("smollm2-vision:135m", ("completion", "vision")),
    ScriptedModel("smollm2-thinking:135m", ("completion", "thinking")),
    ScriptedModel("smollm2-b:135m"),
    ScriptedModel("smollm2-embed:135m", ("embedding",), dimensions=576),
)

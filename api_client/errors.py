"""What can go wrong between a worker and its Ollama host, ordered by who must act.

    OllamaError                    everything below: `message`, `retryable`, `status`
    ├── OllamaConnectionError      no answer at all: refused, reset, cut before the headers, unknown name
    │   └── UntrustedCertificate   TLS: the host's certificate is not signed by an authority we know
    ├── OllamaTimeout              silence: `phase` says whether while connecting, before or after the first byte
    ├── OllamaStatusError          the server answered, and said no: a status, or an error line inside a 200
    │   ├── BadRequest             the request itself is wrong: the producer must change it
    │   ├── ContextOverflow        the prompt does not fit: `n_prompt_tokens`, `n_ctx` where the server tells them
    │   ├── ModelNotFound          the host does not have the model
    │   ├── Unsupported            the model lacks a `capability`, in the words of `tags().capabilities`
    │   ├── Forbidden              401, 403: token, Host or Origin header
    │   ├── ServerBusy             503, 429: `retry_after_seconds` where the server gives it
    │   ├── GatewayError           502, 504: a proxy answered, Ollama did not
    │   ├── RunnerDied             the process that holds the model died; the next request loads it again
    │   └── ServerFault            any other failure inside the server
    ├── StreamError                the answer is not what Ollama sends: garbage, or beyond our size limits
    │   └── StreamCut              it ended before its last line
    └── Aborted                    `abort()` was called, here, by us

`retryable` tells whether the same request may succeed if a worker sends it again later. The client's own short
retries inside one call are a smaller set: see `api_client.retry`.
"""

from typing import Literal

Phase = Literal["connect", "first_byte", "stall"]


class OllamaError(Exception):
    """Anything that keeps an answer from being complete.

    Attributes:
        message: One sentence for a person. Never holds the token.
        retryable: Whether the same request may succeed later.
        status: The HTTP status; None where there was none, or where the error came inside a 200 stream.
    """

    retryable: bool = False

    def __init__(self, message: str, *, status: int | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        if retryable is not None:
            self.retryable = retryable


class OllamaConnectionError(OllamaError):
    """The host could not be reached, or closed the connection before it answered.

    Attributes:
        reached: Whether there was a connection: then the request itself may be what ended it.
    """

    retryable = True

    def __init__(self, message: str, *, retryable: bool | None = None, reached: bool = False) -> None:
        super().__init__(message, retryable=retryable)
        self.reached = reached


class UntrustedCertificate(OllamaConnectionError):
    """The host's certificate cannot be verified; waiting does not change that."""

    retryable = False


class OllamaTimeout(OllamaError):
    """The host kept silent for longer than the caller allows.

    Attributes:
        phase: "connect", "first_byte" (queue, load and prompt) or "stall" (silence after the first byte). Only the
            first is retryable: giving up on the second throws away the load that was waited for.
    """

    def __init__(self, message: str, *, phase: Phase) -> None:
        super().__init__(message, retryable=phase == "connect")
        self.phase: Phase = phase


class OllamaStatusError(OllamaError):
    """The server refused or failed, and said so."""


class BadRequest(OllamaStatusError):
    """The request is wrong in itself: a field, an option, a schema, an image."""


class ContextOverflow(OllamaStatusError):
    """The prompt is longer than the context.

    Attributes:
        n_prompt_tokens: Length of the prompt, in tokens, or None.
        n_ctx: Size of the context, in tokens, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        n_prompt_tokens: int | None = None,
        n_ctx: int | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.n_prompt_tokens = n_prompt_tokens
        self.n_ctx = n_ctx


class ModelNotFound(OllamaStatusError):
    """The host does not have this model. It is not pulled by itself."""


class Unsupported(OllamaStatusError):
    """The model cannot do what was asked.

    Attributes:
        capability: "vision", "tools", "thinking", "embedding", "completion", "insert", or None where it is not told.
    """

    def __init__(self, message: str, *, status: int | None = None, capability: str | None = None) -> None:
        super().__init__(message, status=status)
        self.capability = capability


class Forbidden(OllamaStatusError):
    """The server, or the proxy before it, does not let us in."""


class ServerBusy(OllamaStatusError):
    """The server's queue is full.

    Attributes:
        retry_after_seconds: What the Retry-After header asks for, or None.
    """

    retryable = True

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = retry_after_seconds


class GatewayError(OllamaStatusError):
    """A proxy in front of Ollama answered in its place."""

    retryable = True


class RunnerDied(OllamaStatusError):
    """The process that holds the model died under the request."""

    retryable = True


class ServerFault(OllamaStatusError):
    """The server failed for a reason we do not know. A retry costs little; a lost job costs more."""

    retryable = True


class StreamError(OllamaError):
    """The body is not what Ollama sends. Something else answers at this address, and will do so again."""


class StreamCut(StreamError):
    """The body ended before its last line: the server was stopped, or the connection broke."""

    retryable = True


class Aborted(OllamaError):
    """The call was ended by `abort()` or by closing the client."""

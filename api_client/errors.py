"""The errors of a request to Ollama: one class for each failure that is handled differently.

    OllamaError                    everything below: `message`, `status`
    ├── OllamaConnectionError      no answer at all
    │   ├── HostUnreachable        no connection: refused, no route, unknown name
    │   ├── ConnectionLost         the connection was closed before the headers came
    │   ├── WrongProtocol          what answers there is not HTTP, or breaks TLS
    │   └── UntrustedCertificate   TLS: the host's certificate is not signed by a known authority
    ├── OllamaTimeout              silence
    │   ├── ConnectTimeout         while connecting, or while the server takes the request
    │   ├── FirstByteTimeout       before the first byte: queue, load and prompt
    │   └── StallTimeout           after the first byte
    ├── OllamaStatusError          the server answered with an error: a status, or an error line inside a 200
    │   ├── BadRequest             the request itself is wrong: the producer must change it
    │   ├── ContextOverflow        the prompt does not fit: `n_prompt_tokens`, `n_ctx` where the server tells them
    │   ├── ModelNotFound          the host does not have the model
    │   ├── NoSuchPath             404 without Ollama's words: a proxy that has lost its host, or another server
    │   ├── Unsupported            the model lacks a `capability`, in the words of `tags().capabilities`
    │   ├── Forbidden              401, 403: token, Host or Origin header
    │   ├── RequestTimeout         408: the server waited too long for the request
    │   ├── RegistryUnreachable    a pull: the registry does not answer the server
    │   ├── ServerBusy             503, 429: `retry_after_seconds` where the server gives it
    │   ├── GatewayError           502, 504 and alike: a proxy answered in place of Ollama
    │   ├── RunnerDied             the process that holds the model died; the next request loads it again
    │   └── ServerFault            any other failure inside the server
    ├── StreamError                the answer is not what Ollama sends: garbage, or beyond the size limits
    │   ├── StreamCut              it ended before its last line
    │   └── UnknownShape           a `field` of it has another type than Ollama's
    └── Aborted                    the caller called `abort()`

The class says what happened. The caller decides what that means for a job: the error code, and whether to try again.
`api_client.retry` decides on the short retries within one call.
"""

from urllib.parse import urlsplit


class OllamaError(Exception):
    """The answer is not complete.

    Attributes:
        message: One sentence for people. Never holds the token.
        status: The HTTP status; None where there was none, or where the error came inside a 200 stream.
        address: The URL of the host that was asked; None where it is not known.
    """

    address: str | None = None

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    @property
    def without_address(self) -> str:
        """The message without the host's address, for those who may not know it."""
        if self.address is None:
            return self.message
        text = self.message.replace(f" at {self.address}", "").replace(self.address, "the host")
        # OpenSSL quotes the name for which a certificate is not valid.
        return text.replace(f"'{urlsplit(self.address).hostname}'", "the host's name")


class OllamaConnectionError(OllamaError):
    """The host gave no answer."""


class HostUnreachable(OllamaConnectionError):
    """There was no connection, so the request cannot be the cause."""


class ConnectionLost(OllamaConnectionError):
    """The connection was closed before the answer began. The request itself may be the cause."""


class WrongProtocol(OllamaConnectionError):
    """The server at the address does not speak HTTP, or breaks TLS. A retry does not help."""


class UntrustedCertificate(OllamaConnectionError):
    """The host's certificate cannot be verified. A retry does not help."""


class OllamaTimeout(OllamaError):
    """The host was silent for longer than the caller allows.

    Attributes:
        seconds: the limit that ran out; None where it is not known.
    """

    seconds: float | None = None


class ConnectTimeout(OllamaTimeout):
    """No connection in time, or the server did not read the request."""


class FirstByteTimeout(OllamaTimeout):
    """No byte of the answer in time. A second request would restart the load of the model."""


class StallTimeout(OllamaTimeout):
    """The answer began, and then no byte came in time."""


class OllamaStatusError(OllamaError):
    """The server answered with an error.

    Attributes:
        said: The text of `error` as it stands in the answer, with what `message` unwraps; None where there is none.
    """

    said: str | None = None


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
    """The host does not have this model. Ollama does not pull it for a request."""


class NoSuchPath(OllamaStatusError):
    """There is no such path: a proxy that knows no server for it at the moment says so too."""


class Unsupported(OllamaStatusError):
    """The model cannot do what was asked.

    Attributes:
        capability: "vision", "tools", "thinking", "embedding", "completion", "insert", or None where it is not known.
    """

    def __init__(self, message: str, *, status: int | None = None, capability: str | None = None) -> None:
        super().__init__(message, status=status)
        self.capability = capability


class Forbidden(OllamaStatusError):
    """The server, or a proxy before it, refuses access."""


class RequestTimeout(OllamaStatusError):
    """The server waited too long for the request."""


class RegistryUnreachable(OllamaStatusError):
    """A pull failed because the registry did not answer the server. It may answer later."""


class ServerBusy(OllamaStatusError):
    """The server's queue is full.

    Attributes:
        retry_after_seconds: What the Retry-After header asks for, or None.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after_seconds = retry_after_seconds


class GatewayError(OllamaStatusError):
    """A proxy in front of Ollama answered in its place."""


class RunnerDied(OllamaStatusError):
    """The process that holds the model died under the request."""


class ServerFault(OllamaStatusError):
    """The server failed for an unknown reason."""


class StreamError(OllamaError):
    """The body is not what Ollama sends: garbage, or beyond the size limits."""


class StreamCut(StreamError):
    """The body ended before its last line: the server was stopped, or the connection broke."""


class UnknownShape(StreamError):
    """A field of the answer has another type than Ollama's.

    Attributes:
        field: Its path, such as "message.tool_calls.0.function.arguments".
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class Aborted(OllamaError):
    """The call was ended by `abort()` or by closing the client."""

"""What the gateway refuses in Ollama's words."""

from gateway.http.errors import GatewayError


class Refusal(GatewayError):
    """A refusal.

    Attributes:
        late: whether it comes from the engine. In a stream Ollama then leaves the charset out of the content type.
    """

    def __init__(self, status: int, message: str, *, late: bool = False) -> None:
        super().__init__(status, "not_found" if status == 404 else "invalid_request", message)
        self.late = late

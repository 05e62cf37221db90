"""What is refused in Ollama's words."""


class Refusal(Exception):
    """A refusal.

    Attributes:
        status: of HTTP, where no byte has been sent yet.
        message: the text of `{"error": ...}`.
        late: whether it comes from the engine. In a stream Ollama then leaves the charset out of the content type.
    """

    def __init__(self, status: int, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.late = late

"""An answer that comes as one JSON object: embeddings, and the server's metadata."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from pydantic_core import from_json

from api_client.diagnosis.error_body import parse_error
from api_client.diagnosis.rules import diagnose
from api_client.errors import StreamError
from api_client.exchange import Exchange, Limits, Route, read_pieces
from api_client.shapes.reading import BOM, Shape
from api_client.translation import translate_errors
from api_client.transport import Prepared

# A batch of 2,000 embeddings of 4,096 numbers is about 100 MB of text.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
T = TypeVar("T")


class Answer(Exchange, Generic[T]):
    """A request whose answer is one JSON object. `result()` sends it, and is called once.

    with client.embed(payload) as answer:     # another thread may call answer.abort() from here on
        vectors = answer.result()["embeddings"]
    """

    def __init__(self, route: Route, request: Prepared, limits: Limits, shape: Shape[T]) -> None:
        super().__init__(route, request, limits)
        self._shape = shape

    def result(self) -> T:
        """Send the request and read the whole answer.

        Raises:
            OllamaError: As of `Stream`; `StreamCut` where the answer is not complete.
        """
        try:
            with translate_errors(self):
                return self._read(self._join(read_pieces(self._open())))
        finally:
            self.close()

    def _read(self, body: bytes) -> T:
        error = _find_error(body)
        if error is not None:
            self.sound = True
            raise diagnose(parse_error(None, error))
        answer = self._shape.read(body, self.source)
        self.sound = True
        return answer

    def _join(self, body: Iterator[bytes]) -> bytes:
        whole = bytearray()
        for piece in body:
            whole += piece
            if len(whole) > MAX_ANSWER_BYTES:
                raise StreamError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        return bytes(whole).removeprefix(BOM)


def _find_error(body: bytes) -> object:
    """Find the `error` of an answer that has one; None without one, and where the answer is not JSON."""
    if b'"error"' not in body:
        return None
    try:
        answer = from_json(body)
    except ValueError:
        return None
    return answer.get("error") if isinstance(answer, dict) else None

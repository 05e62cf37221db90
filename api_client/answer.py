"""An answer that comes as one JSON object: embeddings, and the server's metadata."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from api_client.diagnosis import ErrorBody, diagnose, unwrapped
from api_client.errors import StreamError
from api_client.exchange import Exchange, pieces

# A batch of 2,000 embeddings of 4,096 numbers is about 100 MB of text.
MAX_ANSWER_BYTES = 256 * 1024 * 1024


class Answer(Exchange):
    """A request whose answer is one JSON object. `result()` sends it, and is called once.

    with client.embed(payload) as answer:     # another thread may call answer.abort() from here on
        vectors = answer.result()["embeddings"]
    """

    def result(self) -> dict[str, Any]:
        """Sends the request and reads the whole answer.

        Raises:
            OllamaError: As of `Stream`; `StreamCut` where the answer is not complete.
        """
        try:
            with self._translated():
                return self._read(pieces(self._open()))
        finally:
            self.close()

    def _read(self, body: Iterator[bytes]) -> dict[str, Any]:
        answer = self._parsed(self._joined(body))
        if "error" in answer:
            message, details = unwrapped(answer["error"])
            raise self._scrubbed(diagnose(ErrorBody(None, message, details=details)))
        return answer

    def _joined(self, body: Iterator[bytes]) -> bytes:
        whole = bytearray()
        for piece in body:
            whole += piece
            if len(whole) > MAX_ANSWER_BYTES:
                raise StreamError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        return bytes(whole)

    def _parsed(self, body: bytes) -> dict[str, Any]:
        try:
            answer = from_json(body)
        except ValueError as error:
            raise StreamError(f"the answer is not JSON: {body[:80]!r}") from error
        if not isinstance(answer, dict):
            raise StreamError("the answer is not a JSON object")
        return answer

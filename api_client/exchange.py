"""One request and its answer. Reading sends it, any thread can abort it, and it is always closed."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from api_client.body.body_reader import BodyReader
from api_client.call import Call, current_call
from api_client.clock import Clock
from api_client.diagnosis.error_body import read_body
from api_client.diagnosis.rules import diagnose
from api_client.errors import Aborted, OllamaError, OllamaStatusError
from api_client.retry import parse_retry_after
from api_client.transport import DirectSession, Prepared

ERROR_BODY_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024


class Limits(NamedTuple):
    """Seconds of silence allowed; None waits for ever."""

    connect: float | None
    first_byte: float | None
    stall: float | None


class Route(NamedTuple):
    """The parts of a client that its exchanges share."""

    session: DirectSession
    address: str
    secrets: tuple[str, ...]
    clock: Clock
    reader: BodyReader | None = None


class Exchange:
    """A request, which is sent when its answer is read.

    At the end of its `with` block the connection is closed, unless the answer was read to its end and is sound. Behind
    an answer that cannot be read more may follow, which would be taken for the next call's answer. One thread reads.
    Other threads may call only `abort`.

    Attributes:
        sound: whether its answer is whole: a refusal, a last line, a JSON object.
    """

    def __init__(self, route: Route, request: Prepared, limits: Limits) -> None:
        self.call = Call()
        self.address = route.address
        self.sound = False
        self._route = route
        self._request = request
        self._limits = limits
        self._response: BaseHTTPResponse | None = None

    @property
    def source(self) -> str:
        """Who answers, for messages."""
        return f"Ollama at {self.address}"

    @property
    def answered(self) -> bool:
        """Whether the headers of the answer have come."""
        return self.call.answered

    @property
    def silence_seconds(self) -> float | None:
        """The limit for silence that is in force."""
        return self._limits.stall if self.answered else self._limits.first_byte

    def abort(self) -> None:
        """End the request at once, from any thread. The reading thread gets `Aborted`.

        The connection to the server closes. It may be called before the start, after the end, and twice. While a host
        name is resolved or a TCP connection is made, the request ends only at the connect timeout.
        """
        self.call.abort()

    def close(self) -> None:
        """End the request from the reading thread, and give its connection back or close it."""
        response, self._response = self._response, None
        if response is not None:
            response.close()
            response.release_conn()
        self.call.release()
        give_back, self.call.give_back = self.call.give_back, None
        if give_back is not None:
            give_back(self.sound)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Any:
        """Send the request and wait for the headers.

        Returns:
            urllib3's response, of status 200 to 299.
        """
        if self.call.aborted:
            raise Aborted("the call was aborted")
        response = self._response = self._send()
        self.call.answered = True
        self.call.set_silence(self._limits.stall)
        if response.status >= 300:
            self.sound = True
            raise self._read_refusal(response)
        return response

    def _send(self) -> BaseHTTPResponse:
        mark = current_call.set(self.call)
        try:
            return self._route.session.open(self._request, self._limits.connect, self._limits.first_byte)
        finally:
            current_call.reset(mark)

    def _read_refusal(self, response: BaseHTTPResponse) -> OllamaStatusError:
        wait = parse_retry_after(response.headers, self._route.clock)
        return diagnose(read_body(response.status, _read_beginning(response), wait))

    def scrub(self, error: OllamaError) -> None:
        """Take the secrets out of an error. Some proxies quote the request, and the text reaches producers."""
        for secret in self._route.secrets:
            error.message = error.message.replace(secret, "[token]")
            if isinstance(error, OllamaStatusError) and error.said:
                error.said = error.said.replace(secret, "[token]")
        error.args = (error.message,)


def read_pieces(raw: Any) -> Iterator[bytes]:
    """Read the body's bytes as they arrive, from urllib3's response.

    `stream` gives one HTTP chunk at a time, which was the fastest of the measured ways. On a body that is not chunked,
    as of a proxy with HTTP/1.0, it would wait for 64 KiB. There `read1` gives the bytes that have come.
    """
    if raw.chunked:
        yield from raw.stream(PIECE_BYTES, decode_content=True)
        return
    while piece := raw.read1(PIECE_BYTES, decode_content=True):
        yield piece


def _read_beginning(raw: Any) -> bytes:
    """Read the part of an error's body that arrives. Where the body is cut, the status alone decides."""
    body = bytearray()
    try:
        for piece in read_pieces(raw):
            body += piece
            if len(body) >= ERROR_BODY_BYTES:
                break
    except (HTTPError, OSError):
        return bytes(body)
    return bytes(body)

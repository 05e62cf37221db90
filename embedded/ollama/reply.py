"""Writes the answer to one generate or chat request, streamed or whole."""

from tornado.web import RequestHandler

from embedded.engine.interface import Call, Json, Outcome, Piece
from embedded.engine.lines import encode, last_line, piece_line
from llamaq.store.clock import Clock


class Reply:
    """An `Answer` over a tornado handler.

    In a stream the status line goes out with the first piece and not before: until then an error can still have its
    own status, and a client sees no header, which is how Ollama behaves.

    Attributes:
        call: What is answered.
        load_ns: Nanoseconds that passed until the model was there and a slot free.
        opened: Whether the status line has been sent.
    """

    def __init__(self, handler: RequestHandler, call: Call, clock: Clock, started: float) -> None:
        self.call = call
        self.opened = False
        self.load_ns = 0
        self._handler = handler
        self._clock = clock
        self._started = started
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._tool_calls: list[Json] = []

    async def send_piece(self, piece: Piece) -> None:
        """Send one piece, or keep it for the whole."""
        if not self.call.stream:
            self._text.append(piece.text)
            self._thinking.append(piece.thinking)
            self._tool_calls.extend(piece.tool_calls)
            return
        await self._write(piece_line(self.call, piece, self._clock.time()))

    async def send_end(self, outcome: Outcome) -> None:
        """Send the last line, or the whole answer."""
        line = self.last_line(outcome)
        if self.call.stream:
            await self._write(line)
        else:
            send_json(self._handler, 200, line)

    async def send_error(self, status: int, message: str) -> None:
        """Answer with an error: with its status before the first byte, else as a last line."""
        if self.opened:
            await self._write({"error": message})
            return
        # Ollama's streaming path leaves the charset out.
        send_json(self._handler, status, {"error": message}, charset=not self.call.stream)

    def last_line(self, outcome: Outcome) -> Json:
        """The object that ends the answer, with everything that was kept."""
        whole = Piece("".join(self._text), "".join(self._thinking), tuple(self._tool_calls))
        took = int((self._clock.monotonic() - self._started) * 1e9)
        return last_line(self.call, whole, outcome, self._clock.time(), (took, self.load_ns))

    async def open(self) -> None:
        """Send the status line and headers of a stream; what follows may then be written as chunks by hand."""
        self.opened = True
        self._handler.set_header("Content-Type", "application/x-ndjson")
        await self._handler.flush()

    async def _write(self, line: Json) -> None:
        if not self.opened:
            self.opened = True
            self._handler.set_header("Content-Type", "application/x-ndjson")
        self._handler.write(encode(line) + b"\n")
        await self._handler.flush()


def send_json(handler: RequestHandler, status: int, value: Json, *, charset: bool = True) -> None:
    """Set status, type and body of an answer that goes out whole."""
    handler.set_status(status)
    handler.set_header("Content-Type", "application/json; charset=utf-8" if charset else "application/json")
    handler.finish(encode(value))

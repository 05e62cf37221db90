"""The answer of /api/generate, /api/chat and /api/pull as it arrives."""

import itertools
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any, Protocol

from urllib3.exceptions import HTTPError

from api_client.body.body_reader import FULL_SECONDS
from api_client.body.streamed_body import StreamedBody
from api_client.diagnosis.error_body import parse_error
from api_client.diagnosis.rules import diagnose
from api_client.errors import Aborted, StreamCut
from api_client.exchange import Exchange, Limits, Route, read_pieces
from api_client.ndjson import LineParser
from api_client.shapes.lines import Lines
from api_client.translation import translate_errors
from api_client.transport import Prepared

# One line of a stream: `response` or `message`, `done`, and on the last one `done_reason`, counts and durations (ns).
Chunk = dict[str, Any]

# The body's end mark follows the last line. A stream waits briefly for it, so that the connection can be used again.
END_MARK_SECONDS = 0.25
END_MARK_PIECES = 16


class Sink(Protocol):
    """Takes the lines of an answer. It is called by the thread that reads all answers, so it must not wait."""

    def take(self, chunk: Chunk) -> bool:
        """Take one line; returns whether more are wanted."""

    def is_full(self) -> bool:
        """Whether it takes no more for now."""


class Stream(Exchange):
    """A request whose answer comes in lines. It is sent at the first step of the iteration, or by `each`. Read it once.

        with client.chat(payload) as stream:     # another thread may call stream.abort() from here on
            for chunk in stream:
                ...

    The iteration ends after the last line (`done: true`), and raises:

    Raises:
        Aborted: `abort()` was called before the last line was given.
        OllamaConnectionError: No answer; short retries are used up.
        OllamaTimeout: Silence beyond the limits.
        OllamaStatusError: The server refused or failed, before the first byte or by an error line after it.
        StreamCut: The body ended before its last line.
        UnknownShape: A field of a line has another type than Ollama's.
        StreamError: The body is not what Ollama sends.
    """

    def __init__(self, route: Route, request: Prepared, limits: Limits, lines: Lines) -> None:
        super().__init__(route, request, limits)
        shape, self._key, self._value = lines
        self._parser = LineParser(shape, self.source)
        self._chunks = self._run()

    def __iter__(self) -> Iterator[Chunk]:
        # The generator itself: a method `__next__` would cost another call for each token.
        return self._chunks

    def each(self, sink: Sink) -> None:
        """Read the answer into a sink, until its last line or until the sink wants no more.

        With a `BodyReader` the lines are taken in the reader's thread, and the calling one waits. A body that the
        reader cannot read (HTTP/1.0, compressed) is read in the calling thread.

        Raises:
            OllamaError: As of the iteration.
        """
        try:
            with translate_errors(self), suppress(_Enough):
                raw = self._open()
                reader = self._route.reader
                sock = self.call.get_socket()
                if reader is None or sock is None or not _is_plain(raw):
                    self._read_here(raw, sink)
                    return
                taker = _Taker(self, self._parser, sink)
                reader.read(StreamedBody(raw, sock, taker, (self._limits.stall, END_MARK_SECONDS)))
                taker.end()
        finally:
            super().close()

    def close(self) -> None:
        """End the stream from the reading thread, at any point."""
        self._chunks.close()
        super().close()

    def check(self, chunk: Chunk) -> bool:
        """Check a line; returns whether it is the last one.

        Raises:
            Aborted: The call was aborted.
            OllamaStatusError: The line reports an error.
        """
        if self.call.aborted:  # bytes that had arrived before the abort are still in the buffer
            raise Aborted("the call was aborted")
        if chunk.get("error") is not None:
            raise diagnose(parse_error(None, chunk["error"]))
        self.sound = chunk.get(self._key) == self._value
        return self.sound

    def _run(self) -> Generator[Chunk, None, None]:
        try:
            with translate_errors(self):
                yield from self._read_to_last(read_pieces(self._open()))
        finally:
            super().close()

    def _read_to_last(self, body: Iterator[bytes]) -> Generator[Chunk, None, None]:
        for chunk in self._parse(body):
            if self.check(chunk):
                try:
                    yield chunk
                finally:
                    self._read_end_mark(body)
                return
            yield chunk
        raise StreamCut("the stream ended without its last line")

    def _parse(self, body: Iterator[bytes]) -> Iterator[Chunk]:
        for piece in body:
            yield from self._parser.feed(piece)
        yield from self._parser.finish()

    def _read_here(self, raw: Any, sink: Sink) -> None:
        for chunk in self._read_to_last(read_pieces(raw)):
            while sink.is_full():
                self.call.wait(FULL_SECONDS)
            if not sink.take(chunk):
                return

    def _read_end_mark(self, body: Iterator[bytes]) -> None:
        # The answer is complete. A failure of the connection must not fail the job now.
        with suppress(HTTPError, OSError):
            self.call.set_silence(END_MARK_SECONDS)
            for _ in itertools.islice(body, END_MARK_PIECES):
                pass


class _Enough(Exception):
    """The sink wants no more of the answer."""


class _Taker:
    """Takes the bytes of a stream, and gives its lines to a sink."""

    def __init__(self, stream: Stream, parser: LineParser, sink: Sink) -> None:
        self._check = stream.check
        self._parser = parser
        self._sink = sink
        self._complete = False
        self.is_full = sink.is_full

    def take(self, piece: bytes | None) -> bool:
        """Take the next bytes, or with None the end of the body; returns whether the last line was among them."""
        for chunk in self._parser.finish() if piece is None else self._parser.feed(piece):
            self._complete = self._check(chunk)
            more = self._sink.take(chunk)
            if self._complete:
                return True
            if not more:
                raise _Enough
        return False

    def end(self) -> None:
        """Take a last line without newline.

        Raises:
            StreamCut: The body ended before its last line.
        """
        if not self._complete and not self.take(None):
            raise StreamCut("the stream ended without its last line")


def _is_plain(raw: Any) -> bool:
    """Whether the body is chunked, and neither compressed nor of a kind that has no body."""
    return bool(raw.chunked) and not raw.headers.get("content-encoding") and raw._original_response.fp is not None  # noqa: SLF001

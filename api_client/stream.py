"""The answer of /api/generate, /api/chat and /api/pull as it arrives."""

import itertools
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

from requests import PreparedRequest
from urllib3.exceptions import HTTPError

from api_client.diagnosis import diagnose, reported
from api_client.errors import Aborted, OllamaStatusError, StreamCut
from api_client.exchange import Exchange, Limits, Route, pieces
from api_client.ndjson import chunks
from api_client.shapes.lines import Lines

# One line of a stream: `response` or `message`, `done`, and on the last one `done_reason`, counts and durations (ns).
Chunk = dict[str, Any]

# The body's end mark follows the last line. A stream waits briefly for it, so that the connection can be used again.
END_MARK_SECONDS = 0.25
END_MARK_PIECES = 16


class Stream(Exchange):
    """A request whose answer comes in lines. It is sent at the first step of the iteration. Iterate it once.

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

    def __init__(self, route: Route, request: PreparedRequest, limits: Limits, lines: Lines) -> None:
        super().__init__(route, request, limits)
        self._lines = lines
        self._chunks = self._run()

    def __iter__(self) -> Iterator[Chunk]:
        # The generator itself: a method `__next__` would cost another call for each token.
        return self._chunks

    def close(self) -> None:
        """Ends the stream from the reading thread, at any point."""
        self._chunks.close()
        super().close()

    def _run(self) -> Generator[Chunk, None, None]:
        try:
            with self._translated():
                yield from self._until_last(pieces(self._open()))
        finally:
            super().close()

    def _until_last(self, body: Iterator[bytes]) -> Generator[Chunk, None, None]:
        shape, key, value = self._lines
        call = self.call
        for chunk in chunks(body, shape, self.source):
            if call.aborted:  # bytes that had arrived before the abort are still in the buffer
                raise Aborted("the call was aborted")
            if chunk.get("error") is not None:
                raise self._fault(chunk["error"])
            if chunk.get(key) == value:
                yield from self._end(chunk, body)
                return
            yield chunk
        raise StreamCut("the stream ended without its last line")

    def _end(self, chunk: Chunk, body: Iterator[bytes]) -> Generator[Chunk, None, None]:
        try:
            yield chunk
        finally:
            # The answer is complete. A failure of the connection must not fail the job now.
            with suppress(HTTPError, OSError):
                self.call.set_silence(END_MARK_SECONDS)
                for _ in itertools.islice(body, END_MARK_PIECES):
                    pass

    def _fault(self, error: object) -> OllamaStatusError:
        return self._scrubbed(diagnose(reported(None, error)))
